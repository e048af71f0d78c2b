#include "base/random.hpp"

#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace dynexec {
namespace {

// SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection on 64 bits.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

// The counter holds (block, repetition, sample) whole and the key is a bijection of seed + purpose * odd
// constant, so under one seed no two of (sample, repetition, purpose) can ever share a block.
RandomStream::RandomStream(std::uint64_t seed, std::uint64_t sample, std::uint32_t repetition, std::uint32_t purpose) {
  const std::uint64_t key = mix(seed + (purpose + 1ULL) * 0x9e3779b97f4a7c15ULL);
  key_[0] = static_cast<std::uint32_t>(key);
  key_[1] = static_cast<std::uint32_t>(key >> 32);
  counter_[0] = 0;
  counter_[1] = repetition;
  counter_[2] = static_cast<std::uint32_t>(sample);
  counter_[3] = static_cast<std::uint32_t>(sample >> 32);
}

void RandomStream::refill() {
  philox4x32_10(counter_, key_, block_);
  // Not carried into counter_[1]: that word belongs to the repetition. The period is 2^34 words.
  ++counter_[0];
  used_ = 0;
}

std::uint32_t RandomStream::next_u32() {
  if (used_ == 4) refill();
  return block_[used_++];
}

std::uint64_t RandomStream::next_u64() {
  const std::uint64_t low = next_u32();
  return low | (static_cast<std::uint64_t>(next_u32()) << 32);
}

double RandomStream::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1p-53;
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  if (bound == 0) throw Error(ErrorKind::internal, "a random integer below 0 was asked for", "RandomStream", "");
  // Lemire, "Fast random integer generation in an interval", TOMACS 2019: reject the few products whose low
  // half would favour some results.
  unsigned __int128 product = static_cast<unsigned __int128>(next_u64()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t reject = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < reject) {
      product = static_cast<unsigned __int128>(next_u64()) * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));  // 1 - uniform() is never 0
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

}  // namespace dynexec
