// y = x W^T + b behind one interface for every weight format.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/branch.hpp"
#include "kernels/stored_matrix.hpp"

namespace dynexec {

// What one verification checks at most; products of so few rows cost little more than one row.
inline constexpr int kSkinnyRows = 16;

// The result for a row does not depend (bitwise) on the other rows, on how many there are or on the threads:
// verifying k+1 tokens equals decoding them one by one, and a prompt may be cut into chunks anywhere.
class Linear {
 public:
  virtual ~Linear() = default;
  virtual std::int64_t in_features() const = 0;
  virtual std::int64_t out_features() const = 0;
  virtual std::string format() const = 0;         // see WeightFormat::name(); "int4-g32+int8" where parts differ
  virtual std::int64_t weight_bytes() const = 0;  // bytes that one pass reads
  virtual double macs_per_row() const = 0;
  // x [rows, in_features] and y [rows, out_features], row-major and dense, not overlapping. Uses
  // compute_pool().
  virtual void forward(const float* x, float* y, std::int64_t rows) const = 0;
  // y += x W^T + b: the residual connection.
  virtual void forward_add(const float* x, float* y, std::int64_t rows) const = 0;
  // Copies row `index` of W (an embedding, when the head is tied) to out [in_features].
  virtual void weight_row(std::int64_t index, float* out) const = 0;
};

// weight [out, in] row-major (several stacked parts make a fused projection), bias [out] or empty. The
// activation is applied to the result. Takes ownership.
std::unique_ptr<Linear> make_linear_fp32(std::vector<float> weight, std::vector<float> bias, std::int64_t in_features,
                                         std::int64_t out_features, Activation activation = Activation::none);

// y = activation(x G^T + g) * (x U^T + u) in one pass; gate and up [out, in], biases [out] or both empty.
// weight_row gives rows of G, then of U.
std::unique_ptr<Linear> make_gated_linear_fp32(std::vector<float> gate, std::vector<float> up,
                                               std::vector<float> gate_bias, std::vector<float> up_bias,
                                               std::int64_t in_features, std::int64_t out_features,
                                               Activation activation);

// The same on weights of any format; x and y stay fp32. gate and up have one format and shape.
std::unique_ptr<Linear> make_linear(StoredMatrix weight, std::vector<float> bias,
                                    Activation activation = Activation::none);
std::unique_ptr<Linear> make_gated_linear(StoredMatrix gate, StoredMatrix up, std::vector<float> gate_bias,
                                          std::vector<float> up_bias, Activation activation);
// Matrices with the same inputs below one another, each in its own format: what a fused projection is. biases: of each,
// [out] or empty. Where all formats are equal it is make_linear on one matrix, to the bit and in time.
std::unique_ptr<Linear> make_stacked_linear(std::vector<StoredMatrix> parts, std::vector<std::vector<float>> biases,
                                            Activation activation = Activation::none);

// Names of the instruction-set branches that this machine can run, best first ("avx512", "avx2", "portable"),
// and the one in use. select_kernel_branch is for tests and benchmarks; unknown or unsupported names throw
// Error(usage).
std::vector<std::string> kernel_branches();
std::string active_kernel_branch();
void select_kernel_branch(const std::string& name);

}  // namespace dynexec
