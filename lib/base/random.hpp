// Counter-based random streams: any row of a run can be replayed alone, in any order, on any worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace dynexec {

// Philox4x32-10 (Salmon et al., SC'11), keyed by (seed, sample, repetition, purpose).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t sample, std::uint32_t repetition, std::uint32_t purpose);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  // Uniform in [0, 1) with 53 bits.
  double uniform();
  // Uniform integer in [0, bound), bound > 0, without modulo bias.
  std::uint64_t below(std::uint64_t bound);
  // Standard normal (Box-Muller; draws two, keeps the second for the next call).
  double normal();

  // Fisher-Yates over anything with size() and operator[].
  template <class Sequence>
  void shuffle(Sequence& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      using std::swap;
      swap(items[i - 1], items[static_cast<std::size_t>(below(i))]);
    }
  }

 private:
  void refill();
  std::uint32_t key_[2];
  std::uint32_t counter_[4];
  std::uint32_t block_[4];
  unsigned used_ = 4;
  double spare_ = 0.0;
  bool has_spare_ = false;
};

// What a stream is for. Values are part of the recorded seed scheme: append, never renumber.
enum class Purpose : std::uint32_t {
  task = 0,       // which samples a procedural task contains
  order = 1,      // order of paths in a block
  sampling = 2,   // target tokens
  drafting = 3,   // draft tokens
  accepting = 4,  // acceptance draws
  bootstrap = 5,
  training = 6,
  weights = 7,
  prompts = 8,
};

// The streams of one sample and repetition. `sample` is the sample's index in its task.
struct Streams {
  std::uint64_t seed = 0;
  std::uint64_t sample = 0;
  std::uint32_t repetition = 0;

  RandomStream stream(Purpose purpose) const {
    return RandomStream(seed, sample, repetition, static_cast<std::uint32_t>(purpose));
  }
};

}  // namespace dynexec
