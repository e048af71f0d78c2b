#include "compress/quantised_tensor.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <vector>

namespace dynexec {
namespace {

// Codes of int4 are 0 to 15.
constexpr double kCentre = 7.5;
// An offset moves all weights of a group, a scale those at its ends by 7.5 codes: about the same size of a step.
constexpr double kOffset = 8;

at::Tensor copied(const std::vector<float>& values, std::int64_t out) {
  return at::from_blob(const_cast<float*>(values.data()), {out, static_cast<std::int64_t>(values.size()) / out},
                       at::kFloat)
      .clone();
}

void write(const at::Tensor& values, const WeightFormat& format, std::vector<float>& to) {
  const at::Tensor kept = (format.group > 0 ? values.to(at::kHalf).to(at::kFloat) : values).contiguous();
  std::copy_n(kept.const_data_ptr<float>(), kept.numel(), to.begin());
}

}  // namespace

QuantisedTensor::QuantisedTensor(const StoredMatrix& matrix)
    : in_(matrix.in), group_(matrix.format.group > 0 ? matrix.format.group : matrix.in) {
  codes_ =
      at::from_blob(const_cast<std::int8_t*>(matrix.codes.data()), {matrix.out, matrix.in}, at::kChar).to(at::kFloat);
  first_scales_ = copied(matrix.scales, matrix.out);
  parameters_.push_back(at::zeros_like(first_scales_));
  if (matrix.minima.empty()) return;
  codes_.sub_(kCentre);
  first_offsets_ = copied(matrix.minima, matrix.out).add_(first_scales_, kCentre);
  parameters_.push_back(at::zeros_like(first_scales_));
}

at::Tensor QuantisedTensor::scales() const {
  return first_scales_ * (parameters_[0] + 1);
}

at::Tensor QuantisedTensor::offsets() const {
  return first_offsets_ + first_scales_ * parameters_[1] * kOffset;
}

at::Tensor QuantisedTensor::spread(const at::Tensor& groups) const {
  return groups.repeat_interleave(group_, 1).narrow(1, 0, in_);
}

at::Tensor QuantisedTensor::sums(const at::Tensor& values) const {
  const std::int64_t groups = first_scales_.size(1);
  return at::constant_pad_nd(values, {0, groups * group_ - in_}).view({values.size(0), groups, group_}).sum(2);
}

at::Tensor QuantisedTensor::weight() const {
  at::Tensor weight = codes_ * spread(scales());
  if (centred()) weight.add_(spread(offsets()));
  return weight.requires_grad_(true);
}

std::vector<at::Tensor> QuantisedTensor::gradients(const at::Tensor& weight_gradient) const {
  std::vector<at::Tensor> gradients{sums(weight_gradient * codes_) * first_scales_};
  if (centred()) gradients.push_back(sums(weight_gradient) * first_scales_ * kOffset);
  return gradients;
}

StoredMatrix QuantisedTensor::stored(const StoredMatrix& first) const {
  StoredMatrix matrix = first;
  write(scales(), matrix.format, matrix.scales);
  if (centred()) write(offsets() - scales() * kCentre, matrix.format, matrix.minima);
  return matrix;
}

}  // namespace dynexec
