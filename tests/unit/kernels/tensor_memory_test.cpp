#include "kernels/tensor_memory.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <thread>

using dynexec::TensorMemory;

TEST_CASE("memory that tensors free is used again in later scopes, and not by others") {
  at::Tensor before = at::ones({1000}), kept;
  TensorMemory memory;
  const void* first = nullptr;
  for (int step = 0; step < 3; ++step) {
    const TensorMemory::Scope scope(memory);
    const at::Tensor a = at::full({300}, step), b = a + 1;
    if (step == 0) first = a.const_data_ptr();
    // A product of another size in between.
    CHECK(at::outer(a, b).sum().item<double>() == 90000.0 * step * (step + 1));
    CHECK(reinterpret_cast<std::uintptr_t>(a.const_data_ptr()) % 64 == 0);
    if (step == 1) kept = b;
  }
  const std::int64_t fresh = memory.fresh();
  CHECK(fresh > 0);
  CHECK(memory.reused() >= 2);
  const at::Tensor outside = at::zeros({300});
  CHECK(outside.const_data_ptr() != first);
  CHECK(memory.fresh() == fresh);
  CHECK(before.sum().item<double>() == 1000);
  CHECK(kept.sum().item<double>() == 600);
}

TEST_CASE("once a step has run, steps like it take nothing from the system") {
  TensorMemory memory;
  const at::Tensor weight = at::ones({64, 64});
  const auto step = [&] {
    const TensorMemory::Scope scope(memory);
    return at::relu(at::linear(at::ones({16, 64}), weight)).sum().item<double>();
  };
  CHECK(step() == 16 * 64 * 64);
  const std::int64_t fresh = memory.fresh();
  for (int i = 0; i < 10; ++i) step();
  CHECK(memory.fresh() == fresh);
  CHECK(memory.reused() > 0);
}

TEST_CASE("tensors may outlive the memory, scopes may nest, and other threads have nothing of it") {
  at::Tensor late;
  {
    TensorMemory outer, inner;
    const TensorMemory::Scope first(outer);
    late = at::ones({500});
    {
      const TensorMemory::Scope second(inner);
      at::Tensor gone = at::ones({77});
      gone.reset();
      CHECK(inner.fresh() > 0);
      CHECK(at::ones({77}).sum().item<double>() == 77);
      CHECK(inner.reused() > 0);
      late.reset();  // of the outer scope, kept by the inner one
    }
    const std::int64_t fresh = outer.fresh();
    std::jthread([] { CHECK(at::ones({500}).sum().item<double>() == 500); }).join();
    CHECK(outer.fresh() == fresh);
    late = at::full({501}, 2);
  }
  CHECK(late.sum().item<double>() == 1002);
}
