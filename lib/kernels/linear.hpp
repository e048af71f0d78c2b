// y = x W^T + b behind one interface for every weight format.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dynexec {

// Rows up to this count go through the project's own kernels, whose result for a row does not depend (bitwise) on the
// other rows: verifying k+1 tokens equals decoding them one by one. Longer inputs (prefill) use LibTorch.
inline constexpr int kSkinnyRows = 16;

class Linear {
 public:
  virtual ~Linear() = default;
  virtual std::int64_t in_features() const = 0;
  virtual std::int64_t out_features() const = 0;
  virtual std::string format() const = 0;              // "fp32"; later "bf16", "int8", "int4-g32"
  virtual std::int64_t weight_bytes() const = 0;       // bytes that one pass reads
  // x [rows, in_features] and y [rows, out_features], row-major and dense, not overlapping. Uses compute_pool().
  virtual void forward(const float* x, float* y, std::int64_t rows) const = 0;
};

// weight [out, in] row-major (several stacked parts make a fused projection), bias [out] or empty. Takes ownership.
std::unique_ptr<Linear> make_linear_fp32(std::vector<float> weight, std::vector<float> bias, std::int64_t in_features,
                                         std::int64_t out_features);

// Names of the instruction-set branches that this machine can run, best first ("avx512", "avx2", "portable"), and the
// one in use. select_kernel_branch is for tests and benchmarks; unknown or unsupported names throw Error(usage).
std::vector<std::string> kernel_branches();
std::string active_kernel_branch();
void select_kernel_branch(const std::string& name);

}  // namespace dynexec
