#include "train/data_parallel.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

struct Share {
  std::int64_t first = 0, rows = 0;
  double loss = 0;
  std::vector<at::Tensor> gradients;
};

}  // namespace

DataParallel::DataParallel(int shares) : shares_(std::max(1, shares)) {
  set_compute_threads(1);
}

double DataParallel::gradient(const NamedTensors& parameters, std::int64_t rows,
                              const std::function<at::Tensor(std::int64_t, std::int64_t)>& loss) const {
  std::vector<at::Tensor> leaves;
  for (const auto& [name, tensor] : parameters) leaves.push_back(tensor);
  std::vector<Share> shares(static_cast<std::size_t>(std::min<std::int64_t>(shares_, rows)));
  const auto count = static_cast<std::int64_t>(shares.size());
  for (std::int64_t i = 0; i < count; ++i) {
    Share& share = shares[static_cast<std::size_t>(i)];
    share.first = rows * i / count;
    share.rows = rows * (i + 1) / count - share.first;
  }
  each(count, [&](std::int64_t i) {
    Share& share = shares[static_cast<std::size_t>(i)];
    const at::Tensor mean = loss(share.first, share.rows);
    share.loss = mean.item<double>();
    share.gradients = torch::autograd::grad({mean}, leaves);
  });
  double mean = 0;
  for (Share& share : shares) {
    const double weight = static_cast<double>(share.rows) / static_cast<double>(rows);
    mean += weight * share.loss;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      at::Tensor& sum = leaves[i].mutable_grad();
      if (&share == &shares.front()) {
        // A tensor of its own, in the parameter's layout, as fused updates want it: two parameters may have been given
        // one and the same gradient.
        sum = at::zeros_like(leaves[i].detach()).add_(share.gradients[i], weight);
      } else {
        sum.add_(share.gradients[i], weight);
      }
    }
  }
  return mean;
}

void DataParallel::each(std::int64_t count, const std::function<void(std::int64_t)>& work) const {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_guard;
  const auto run = [&] {
    try {
      at::init_num_threads();
      for (std::int64_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(error_guard);
      if (!error) error = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 1; i < std::min<std::int64_t>(shares_, count); ++i) threads.emplace_back(run);
    run();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace dynexec
