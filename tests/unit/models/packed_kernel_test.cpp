#include "models/diffusion/packed_kernel.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>

using namespace dynexec;

TEST_CASE("a packed kernel convolves as the plain one, for maps of any size, at the same cost") {
  const c10::InferenceMode guard;
  for (const std::int64_t side : {1, 3}) {
    for (const std::int64_t stride : {1, 2}) {
      CAPTURE(side);
      CAPTURE(stride);
      const auto weight = at::arange(0, 24 * 20 * side * side, at::kFloat).sin().view({24, 20, side, side});
      diffusers::Conv plain{weight, at::arange(0, 24, at::kFloat), stride, side / 2, nullptr};
      diffusers::Conv packed{at::Tensor(), plain.bias, stride, side / 2,
                             std::make_shared<diffusers::PackedKernel>(weight.clone())};
      for (const std::int64_t size : {8, 5, 16}) {
        const std::int64_t rows = size == 5 ? 3 : 1;
        const auto x = at::arange(0, rows * 20 * size * size, at::kFloat)
                           .cos()
                           .view({rows, 20, size, size})
                           .contiguous(at::MemoryFormat::ChannelsLast);
        diffusers::Cost of_plain, of_packed;
        const at::Tensor wanted = diffusers::conv(plain, x, of_plain), found = diffusers::conv(packed, x, of_packed);
        CHECK(at::allclose(found, wanted, 1e-5, 1e-4));
        CHECK(found.is_contiguous(at::MemoryFormat::ChannelsLast));
        CHECK(of_packed.macs == of_plain.macs);
        CHECK(of_packed.weight_bytes == of_plain.weight_bytes);
      }
    }
  }
}
