#include <ATen/Parallel.h>

#include <memory>

#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

std::unique_ptr<ThreadPool>& pool() {
  static auto instance = std::make_unique<ThreadPool>(1);
  return instance;
}

}  // namespace

ThreadPool& compute_pool() {
  return *pool();
}

void set_compute_threads(int threads) {
  if (pool()->threads() != threads) pool() = std::make_unique<ThreadPool>(threads);
  at::set_num_threads(threads);
}

}  // namespace dynexec
