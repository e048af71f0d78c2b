#include "train/data_parallel.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <doctest/doctest.h>

#include <array>
#include <atomic>

#include "base/error.hpp"

using namespace dynexec;

namespace {

// A layer whose two shifts get one and the same gradient, and a kernel of channels last.
struct Toy {
  Toy() {
    for (const auto& [name, tensor] : parameters) tensor.requires_grad_(true);
  }
  at::Tensor loss(std::int64_t first, std::int64_t rows) const {
    const at::Tensor part = maps.narrow(0, first, rows).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor out = at::conv2d(part, parameters[0].second, {}, 1, 1);
    return (out.sum({2, 3}) + parameters[1].second + parameters[2].second).square().mean();
  }

  at::Tensor maps = at::arange(0, 5 * 3 * 4 * 4, at::kFloat).sin().view({5, 3, 4, 4});
  NamedTensors parameters{{"kernel", at::arange(0, 2 * 3 * 9, at::kFloat).cos().view({2, 3, 3, 3})},
                          {"shift", at::ones({2})},
                          {"other", at::full({2}, 0.5)}};
};

}  // namespace

TEST_CASE("gradients on several threads are those of the whole batch, in the parameters' layout") {
  Toy whole;
  whole.loss(0, 5).backward();
  for (const int shares : {1, 2, 3, 8}) {
    CAPTURE(shares);
    const Toy toy;
    const DataParallel parallel(shares);
    for (int round = 0; round < 2; ++round) {  // gradients are set, not added
      const double loss = parallel.gradient(
          toy.parameters, 5, [&](std::int64_t first, std::int64_t rows) { return toy.loss(first, rows); });
      CHECK(loss == doctest::Approx(whole.loss(0, 5).item<double>()));
      for (std::size_t i = 0; i < toy.parameters.size(); ++i) {
        const at::Tensor& found = toy.parameters[i].second.grad();
        CHECK(at::allclose(found, whole.parameters[i].second.grad(), 1e-5, 1e-5));
        CHECK(found.strides() == toy.parameters[i].second.strides());
      }
    }
  }
}

TEST_CASE("work on several threads is done once each, and its error comes out") {
  for (const int shares : {1, 3}) {
    const DataParallel parallel(shares);
    std::array<std::atomic<int>, 20> done{};
    parallel.each(20, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
    for (const auto& count : done) CHECK(count == 1);
    CHECK_THROWS_AS(parallel.each(20,
                                  [](std::int64_t i) {
                                    if (i == 7) throw Error(ErrorKind::internal, "seven", "", "");
                                  }),
                    Error);
  }
}
