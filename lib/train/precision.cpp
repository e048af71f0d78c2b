#include "train/precision.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace dynexec {
namespace {

template <class Work>
double best_seconds(const Work& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

bool choose_bf16(const std::string& precision, const LlamaShape& shape, std::int64_t rows) {
  if (precision != "auto") return precision == "bf16";
  const c10::NoGradGuard no_grad;
  const auto x = at::ones({rows, shape.width}), weight = at::ones({2 * shape.ffn, shape.width});
  const auto low = x.to(at::kBFloat16);
  const double full = best_seconds([&] { at::linear(x, weight); });
  const double half = best_seconds([&] { at::linear(low, weight.to(at::kBFloat16)); });
  return half <= 0.8 * full;
}

}  // namespace dynexec
