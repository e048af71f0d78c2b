#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include "models/diffusion/layers.hpp"

using namespace dynexec::diffusers;

TEST_CASE("normalised maps and their gradients are those of LibTorch's own operators") {
  for (const bool silu : {false, true}) {
    const at::Tensor x = at::randn({3, 12, 5, 4}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_(true);
    const Norm layer{at::randn({12}).requires_grad_(true), at::randn({12}).requires_grad_(true), 3, 1e-5};
    const at::Tensor weights = at::randn({3, 12, 5, 4});
    const auto gradients = [&](const at::Tensor& y) {
      return torch::autograd::grad({(y * weights).sum()}, {x, layer.weight, layer.bias});
    };
    at::Tensor wanted = at::group_norm(x, 3, layer.weight, layer.bias, 1e-5);
    if (silu) wanted = at::silu(wanted);
    Cost cost;
    const at::Tensor found = silu ? norm_silu(layer, x, cost) : norm(layer, x, cost);
    CHECK(cost.weight_bytes == 2 * 12 * sizeof(float));
    CHECK(at::allclose(found, wanted, 1e-5, 1e-5));
    const auto ours = gradients(found), theirs = gradients(wanted);
    for (std::size_t i = 0; i < 3; ++i) {
      const std::size_t input = i;
      CAPTURE(input);
      CHECK(at::allclose(ours[i], theirs[i], 1e-4, 1e-4));
    }
    const at::Tensor coarse =
        silu ? norm_silu(layer, x.detach().to(at::kBFloat16), cost) : norm(layer, x.detach().to(at::kBFloat16), cost);
    CHECK((coarse.scalar_type() == at::kBFloat16));
    CHECK(at::allclose(coarse.to(at::kFloat), wanted, 2e-2, 4e-2));
  }
}
