// A quantised matrix whose scales and minima are trained. Private to the compress room.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/stored_matrix.hpp"

namespace dynexec {

// w = (code - centre) * scale + offset with scale = first scale * (1 + a) and offset = first offset + kOffset * first
// scale * b. a and b [out, groups] start at 0; centred codes keep the two from standing for the same change.
class QuantisedTensor {
 public:
  explicit QuantisedTensor(const StoredMatrix& matrix);

  // By now, [out, in] fp32, a leaf that gathers gradients.
  at::Tensor weight() const;
  // The parameters that are trained: a, and b where the format has minima.
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  // Theirs, from the gradient of weight().
  std::vector<at::Tensor> gradients(const at::Tensor& weight_gradient) const;
  // The matrix with scales and minima as they are by now, rounded as its format keeps them.
  StoredMatrix stored(const StoredMatrix& first) const;

 private:
  bool centred() const { return parameters_.size() == 2; }
  at::Tensor scales() const;                          // [out, groups]
  at::Tensor offsets() const;                         // [out, groups]
  at::Tensor spread(const at::Tensor& groups) const;  // [out, groups] -> [out, in]
  at::Tensor sums(const at::Tensor& values) const;    // [out, in] -> of each group, [out, groups]

  std::int64_t in_, group_;
  at::Tensor codes_;  // [out, in] fp32, centred
  at::Tensor first_scales_, first_offsets_;
  std::vector<at::Tensor> parameters_;
};

}  // namespace dynexec
