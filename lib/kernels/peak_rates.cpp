#include "kernels/peak_rates.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "kernels/aligned.hpp"
#include "kernels/branch.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

// A panel of 64 columns stays in the first-level cache; twelve rows fill the registers.
constexpr std::int64_t kDepth = 64;
constexpr int kRows = 12;
constexpr int kCalls = 200;            // in one pass of a thread
constexpr std::int64_t kMatrix = 768;  // of LibTorch's product

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The best rate of passes that last budget_s seconds together.
double best_rate(double macs, double budget_s, const std::function<void()>& pass) {
  double best = 0;
  for (double spent = 0; spent < budget_s;) {
    const double seconds = seconds_of(pass);
    best = std::max(best, macs / seconds * 1e-9);
    spent += seconds;
  }
  return best;
}

void fp32_products() {
  const AlignedFloats x(kRows * kDepth), weights(kDepth * kPanelWidth);
  AlignedFloats out(kRows * kPanelWidth);
  for (int call = 0; call < kCalls; ++call)
    kernel_branch().product(x.data(), kDepth, kRows, weights.data(), kPanelWidth, kDepth, kPanelWidth, out.data(),
                            kPanelWidth, true);
}

void int8_products() {
  const AlignedBytes x(kRows * kDepth), weights(kDepth * kPanelWidth);
  const AlignedFloats scales(kRows);
  const std::vector<std::int32_t> sums(kRows);
  AlignedFloats out(kRows * kPanelWidth);
  const IntegerRows rows{
      .codes = x.as<std::int8_t>(), .stride = kDepth, .scales = scales.data(), .sums = sums.data(), .group = kDepth};
  for (int call = 0; call < kCalls; ++call)
    kernel_branch().integer_int8(rows, kRows, {.codes = weights.as<std::uint8_t>()}, kDepth, kPanelWidth, out.data(),
                                 kPanelWidth);
}

}  // namespace

std::vector<PeakRate> measure_peak_rates(const std::vector<int>& threads, double budget_s) {
  std::vector<PeakRate> rates;
  const double share = budget_s / (3 * static_cast<double>(threads.size()));
  const at::Tensor left = at::randn({kMatrix, kMatrix}).to(at::kBFloat16), right = left.clone();
  const int before = at::get_num_threads();
  for (const int count : threads) {
    set_compute_threads(count);
    at::set_num_threads(count);
    const auto add = [&](const char* numbers, double macs, const std::function<void()>& pass) {
      rates.push_back({.numbers = numbers, .threads = count, .gmac_per_s = best_rate(macs, share, pass)});
    };
    const double macs = static_cast<double>(count) * kCalls * kRows * kDepth * kPanelWidth;
    const auto on_all = [count](void (*products)()) {
      return [count, products] {
        compute_pool().split(count, 1, [products](std::int64_t begin, std::int64_t end, int) {
          for (std::int64_t i = begin; i < end; ++i) products();
        });
      };
    };
    add("fp32", macs, on_all(fp32_products));
    add("bf16", static_cast<double>(kMatrix) * kMatrix * kMatrix, [&] { (void)at::matmul(left, right); });
    add("int8", macs, on_all(int8_products));
  }
  at::set_num_threads(before);
  return rates;
}

}  // namespace dynexec
