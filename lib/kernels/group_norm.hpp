// Group normalisation (Wu and He 2018) with a following SiLU in one pass, and its gradient.
#pragma once

#include <cstdint>

namespace dynexec {

struct GroupNormShape {
  std::int64_t images = 0, places = 0, channels = 0, groups = 1;  // groups divides channels
};

// x and out: [images, places, channels], fp32 or the bits of bf16; they may be the same. weight and bias: [channels].
// moments receives the mean and the inverse deviation of each image and group, [images, groups, 2]; null: not wanted.
template <class T>
void group_norm(const T* x, const GroupNormShape& shape, const float* weight, const float* bias, double epsilon,
                bool silu, T* out, float* moments);

// From the gradient of the output that of x, and adds those of weight and bias. `moments` as the forward pass gave
// them.
template <class T>
void group_norm_gradient(const T* x, const T* gradient, const GroupNormShape& shape, const float* weight,
                         const float* bias, const float* moments, bool silu, T* out, float* weight_gradient,
                         float* bias_gradient);

}  // namespace dynexec
