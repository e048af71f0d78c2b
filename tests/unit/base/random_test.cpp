#include "base/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/philox.hpp"

using dynexec::RandomStream;

namespace {

using Block = std::array<std::uint32_t, 4>;

Block philox(Block counter, std::array<std::uint32_t, 2> key) {
  Block block{};
  dynexec::philox4x32_10(counter.data(), key.data(), block.data());
  return block;
}

Block first_block(RandomStream stream) {
  Block block{};
  for (std::uint32_t& word : block) word = stream.next_u32();
  return block;
}

}  // namespace

// Known answers published with Random123 (kat_vectors, philox4x32 10).
TEST_CASE("Philox4x32-10 gives the published answers") {
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

// Recorded seeds must mean the same in every version. The words come from an independent implementation in
// Python.
TEST_CASE("the seed scheme is pinned") {
  constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
  CHECK(first_block({1, 2, 3, 4}) == Block{0x0b776004, 0xb4470773, 0xbcc8c14c, 0x771bcd55});
  CHECK(first_block({0, 0, 0, 0}) == Block{0xa9e39636, 0x24cbd2fb, 0x7d5ec3be, 0x40f0c400});
  CHECK(first_block({all, (5ULL << 32) | 6, 0xffffffff, 8}) == Block{0xedd63d3d, 0xf96096ea, 0xbf728408, 0x71ffc4dc});
  RandomStream stream(1, 2, 3, 4);
  for (int i = 0; i < 4; ++i) stream.next_u32();
  CHECK(stream.next_u64() == 0xa09a365f73203c1aULL);  // the second block, low word first
}

TEST_CASE("a stream replays alone") {
  const dynexec::Streams streams{42, 7, 3};
  RandomStream a = streams.stream(dynexec::Purpose::sampling);
  RandomStream b = streams.stream(dynexec::Purpose::sampling);
  for (int i = 0; i < 100; ++i) CHECK(a.next_u64() == b.next_u64());
}

TEST_CASE("no two of seed, sample, repetition and purpose share a block") {
  std::set<Block> blocks;
  std::size_t streams = 0;
  const std::vector<std::uint64_t> samples = {
      0, 1, 2, 3, 4, 5, 6, 7, 255, 1ULL << 31, 1ULL << 32, (1ULL << 32) + 1, 1ULL << 63};
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    for (const std::uint64_t sample : samples) {
      for (const std::uint32_t repetition : {0U, 1U, 2U, 3U, 7U, 8U, 255U, 0xffffffffU}) {
        for (std::uint32_t purpose = 0; purpose < 9; ++purpose) {
          blocks.insert(first_block({seed, sample, repetition, purpose}));
          ++streams;
        }
      }
    }
  }
  CHECK(blocks.size() == streams);
}

TEST_CASE("uniform stays in [0, 1) and below stays below") {
  RandomStream stream(9, 0, 0, 0);
  for (int i = 0; i < 20000; ++i) {
    const double u = stream.uniform();
    CHECK_UNARY(u >= 0.0 && u < 1.0);
    CHECK_UNARY(stream.below(7) < 7);
    CHECK_UNARY(stream.below(1) == 0);
  }
  CHECK_UNARY(stream.below(std::numeric_limits<std::uint64_t>::max()) < std::numeric_limits<std::uint64_t>::max());
  CHECK_THROWS_AS(stream.below(0), dynexec::Error);
}

TEST_CASE("shuffle keeps the items") {
  RandomStream stream(5, 0, 0, 1);
  std::vector<int> items = {1, 2, 3, 4, 5, 6, 7, 8};
  stream.shuffle(items);
  CHECK(std::multiset<int>(items.begin(), items.end()) == std::multiset<int>{1, 2, 3, 4, 5, 6, 7, 8});
  std::vector<int> none;
  stream.shuffle(none);
  CHECK(none.empty());
}
