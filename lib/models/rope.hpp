// Rotary position encoding: frequencies by scaling rule, and the table of cosines and sines.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/aligned.hpp"
#include "models/decoder_config.hpp"

namespace dynexec {

// Radians per position of the head_dim / 2 pairs, in fp32 as in the reference implementation.
// llama3: Llama 3.1's rule; yarn: Peng et al. 2023 (NTK by parts).
std::vector<float> rope_frequencies(const DecoderConfig& config);

class RopeTable {
 public:
  RopeTable() = default;
  RopeTable(const DecoderConfig& config, std::int64_t positions);
  // [head_dim / 2] values of one position, already multiplied by yarn's attention factor.
  const float* cosine(std::int64_t position) const { return cosine_.data() + position * half_; }
  const float* sine(std::int64_t position) const { return sine_.data() + position * half_; }
  std::int64_t size() const { return cosine_.size() + sine_.size(); }  // values
  int half() const { return static_cast<int>(half_); }

 private:
  std::int64_t half_ = 0;
  AlignedFloats cosine_, sine_;
};

}  // namespace dynexec
