#include "kernels/group_norm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/branch.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

template <class T>
const GroupNormKernels<T>& kernels();
template <>
const GroupNormKernels<float>& kernels() {
  return kernel_branch().group_norm;
}
template <>
const GroupNormKernels<std::uint16_t>& kernels() {
  return kernel_branch().group_norm_bf16;
}

using Row = std::vector<float>;

Row row_of(std::int64_t channels) {
  return Row(static_cast<std::size_t>(channels));
}

// Two sums of each channel as those of its group, in double precision.
struct GroupSums {
  double first = 0, second = 0;
};

template <class F>
void for_groups(const GroupNormShape& shape, F f) {
  const std::int64_t width = shape.channels / shape.groups;
  for (std::int64_t g = 0; g < shape.groups; ++g)
    f(g, static_cast<std::size_t>(g * width), static_cast<std::size_t>((g + 1) * width));
}

// y = x * scale + shift.
void set_affine(const GroupNormShape& shape, const float* moments, const float* weight, const float* bias, Row& scale,
                Row& shift) {
  for_groups(shape, [&](std::int64_t g, std::size_t begin, std::size_t end) {
    const float mean = moments[2 * g], inverse = moments[2 * g + 1];
    for (std::size_t c = begin; c < end; ++c) {
      scale[c] = inverse * weight[c];
      shift[c] = bias[c] - mean * scale[c];
    }
  });
}

template <class T>
void take_moments(const T* x, const GroupNormShape& shape, double epsilon, Row& sums, Row& squares, float* moments) {
  std::fill(sums.begin(), sums.end(), 0.0f);
  std::fill(squares.begin(), squares.end(), 0.0f);
  kernels<T>().moments(x, shape.places, shape.channels, sums.data(), squares.data());
  for_groups(shape, [&](std::int64_t g, std::size_t begin, std::size_t end) {
    GroupSums total;
    for (std::size_t c = begin; c < end; ++c) {
      total.first += static_cast<double>(sums[c]);
      total.second += static_cast<double>(squares[c]);
    }
    const double count = static_cast<double>(shape.places) * static_cast<double>(end - begin);
    const double mean = total.first / count;
    const double variance = std::max(0.0, total.second / count - mean * mean);
    moments[2 * g] = static_cast<float>(mean);
    moments[2 * g + 1] = static_cast<float>(1 / std::sqrt(variance + epsilon));
  });
}

}  // namespace

template <class T>
void group_norm(const T* x, const GroupNormShape& shape, const float* weight, const float* bias, double epsilon,
                bool silu, T* out, float* moments) {
  const std::int64_t image = shape.places * shape.channels;
  compute_pool().split(shape.images, 1, [&](std::int64_t begin, std::int64_t end, int) {
    Row first = row_of(shape.channels), second = row_of(shape.channels), own = row_of(2 * shape.groups);
    for (std::int64_t i = begin; i < end; ++i) {
      float* const found = moments ? moments + 2 * i * shape.groups : own.data();
      take_moments(x + i * image, shape, epsilon, first, second, found);
      set_affine(shape, found, weight, bias, first, second);
      kernels<T>().apply(x + i * image, shape.places, shape.channels, first.data(), second.data(), silu,
                         out + i * image);
    }
  });
}

template <class T>
void group_norm_gradient(const T* x, const T* gradient, const GroupNormShape& shape, const float* weight,
                         const float* bias, const float* moments, bool silu, T* out, float* weight_gradient,
                         float* bias_gradient) {
  const std::int64_t image = shape.places * shape.channels, all = shape.images * shape.channels;
  Row sums = row_of(all), products = row_of(all);  // of each image, so that any split adds up in one order
  compute_pool().split(shape.images, 1, [&](std::int64_t begin, std::int64_t end, int) {
    Row scale = row_of(shape.channels), shift = row_of(shape.channels), slope = row_of(shape.channels),
        level = row_of(shape.channels);
    for (std::int64_t i = begin; i < end; ++i) {
      const float* const found = moments + 2 * i * shape.groups;
      float *const sum = sums.data() + i * shape.channels, *const product = products.data() + i * shape.channels;
      set_affine(shape, found, weight, bias, scale, shift);
      kernels<T>().gradient_moments(x + i * image, gradient + i * image, shape.places, shape.channels, scale.data(),
                                    shift.data(), silu, sum, product);
      for_groups(shape, [&](std::int64_t g, std::size_t first, std::size_t last) {
        const double mean = static_cast<double>(found[2 * g]), inverse = static_cast<double>(found[2 * g + 1]);
        GroupSums total;  // of weight * g, and of weight * g * normalised x
        for (std::size_t c = first; c < last; ++c) {
          const double own = static_cast<double>(sum[c]);
          const double normalised = (static_cast<double>(product[c]) - mean * own) * inverse;
          total.first += static_cast<double>(weight[c]) * own;
          total.second += static_cast<double>(weight[c]) * normalised;
          product[c] = static_cast<float>(normalised);
        }
        const double count = static_cast<double>(shape.places) * static_cast<double>(last - first);
        const double along = -inverse * inverse * total.second / count;
        for (std::size_t c = first; c < last; ++c) {
          slope[c] = static_cast<float>(along);
          level[c] = static_cast<float>(-inverse * total.first / count - along * mean);
        }
      });
      kernels<T>().gradient_apply(x + i * image, gradient + i * image, shape.places, shape.channels, scale.data(),
                                  shift.data(), silu, slope.data(), level.data(), out + i * image);
    }
  });
  for (std::int64_t i = 0; i < shape.images; ++i)
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      const auto at = static_cast<std::size_t>(i * shape.channels + c);
      weight_gradient[c] += products[at];
      bias_gradient[c] += sums[at];
    }
}

template void group_norm(const float*, const GroupNormShape&, const float*, const float*, double, bool, float*, float*);
template void group_norm(const std::uint16_t*, const GroupNormShape&, const float*, const float*, double, bool,
                         std::uint16_t*, float*);
template void group_norm_gradient(const float*, const float*, const GroupNormShape&, const float*, const float*,
                                  const float*, bool, float*, float*, float*);
template void group_norm_gradient(const std::uint16_t*, const std::uint16_t*, const GroupNormShape&, const float*,
                                  const float*, const float*, bool, std::uint16_t*, float*, float*);

}  // namespace dynexec
