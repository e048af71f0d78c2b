#include "models/diffusion/observing_kernel.hpp"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>

#include <algorithm>

namespace dynexec::diffusers {

at::Tensor ObservingKernel::apply(const Conv& layer, const at::Tensor& x, Cost& cost) {
  const at::Tensor low = at::amin(x, {0, 2, 3}), high = at::amax(x, {0, 2, 3});
  const auto channels = static_cast<std::size_t>(x.size(1));
  range_.low.resize(channels);
  range_.high.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    range_.low[c] = std::min(range_.low[c], low.const_data_ptr<float>()[c]);
    range_.high[c] = std::max(range_.high[c], high.const_data_ptr<float>()[c]);
  }
  return kernel_.apply(layer, x, cost);
}

}  // namespace dynexec::diffusers
