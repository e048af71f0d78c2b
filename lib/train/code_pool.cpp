#include "train/code_pool.hpp"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "kernels/branch.hpp"
#include "kernels/pool2d.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kSide = 2;

struct Region {
  std::int64_t top, bottom, left, right;
  float share() const { return 1.0f / static_cast<float>((bottom - top) * (right - left)); }
};

Region region_of(std::int64_t index, std::int64_t height, std::int64_t width) {
  const std::int64_t y = index / kSide, x = index % kSide;
  return {region_begin(y, kSide, height), region_end(y, kSide, height), region_begin(x, kSide, width),
          region_end(x, kSide, width)};
}

// Calls f(image and region number, region, first score of each of the region's rows).
template <class Function>
void for_rows(const at::Tensor& scores, Function f) {
  const std::int64_t batch = scores.size(0), height = scores.size(1), width = scores.size(2), words = scores.size(3);
  for (std::int64_t i = 0; i < batch; ++i)
    for (std::int64_t r = 0; r < kSide * kSide; ++r) {
      const Region region = region_of(r, height, width);
      for (std::int64_t y = region.top; y < region.bottom; ++y)
        f(i * kSide * kSide + r, region, ((i * height + y) * width + region.left) * words);
    }
}

std::vector<float> scratch_for(std::int64_t words) {
  return std::vector<float>(static_cast<std::size_t>((words + kPanelStep - 1) / kPanelStep * kPanelStep));
}

class CodePool : public torch::autograd::Function<CodePool> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given) {
    const at::Tensor scores = given.contiguous();
    context->save_for_backward({scores});
    const std::int64_t words = scores.size(3);
    at::Tensor pooled = at::zeros({scores.size(0), kSide, kSide, words});
    std::vector<float> scratch = scratch_for(words);
    const float* values = scores.const_data_ptr<float>();
    auto* out = pooled.mutable_data_ptr<float>();
    const KernelBranch& kernels = kernel_branch();
    for_rows(scores, [&](std::int64_t bin, const Region& region, std::int64_t at) {
      kernels.add_codes(values + at, region.right - region.left, words, 1, 0, scratch.data(), out + bin * words);
    });
    for (std::int64_t bin = 0; bin < scores.size(0) * kSide * kSide; ++bin)
      kernels.scale(out + bin * words, words, region_of(bin % (kSide * kSide), scores.size(1), scores.size(2)).share());
    return pooled;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::Tensor scores = context->get_saved_variables()[0];
    const std::int64_t words = scores.size(3);
    const at::Tensor pooled = gradients[0].contiguous();
    at::Tensor result = at::zeros_like(scores);
    std::vector<float> scratch = scratch_for(words), wanted(static_cast<std::size_t>(words));
    const float* values = scores.const_data_ptr<float>();
    const float* gradient = pooled.const_data_ptr<float>();
    auto* out = result.mutable_data_ptr<float>();
    const KernelBranch& kernels = kernel_branch();
    for_rows(scores, [&](std::int64_t bin, const Region& region, std::int64_t at) {
      for (std::int64_t k = 0; k < words; ++k)
        wanted[static_cast<std::size_t>(k)] = gradient[bin * words + k] * region.share();
      kernels.add_code_gradients(values + at, region.right - region.left, words, wanted.data(), scratch.data(),
                                 out + at);
    });
    return {result};
  }
};

}  // namespace

at::Tensor pool_codes_2x2(const at::Tensor& scores) {
  return CodePool::apply(scores);
}

}  // namespace dynexec
