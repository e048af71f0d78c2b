#include "kernels/bag_of_features.hpp"

#include <cmath>

#include "branches.hpp"
#include "kernels/branch.hpp"
#include "kernels/thread_pool.hpp"

using namespace dynexec;

TEST_CASE("pooled codes against the formula in double precision, in every branch") {
  for_each_branch([] {
    for (const std::int64_t words : std::initializer_list<std::int64_t>{1, 12, 16, 64, 70})
      for (const std::int64_t extent : std::initializer_list<std::int64_t>{2, 3, 8}) {
        FeatureMap scores(extent, extent, words, 1);
        const std::vector<float> values = random_values(static_cast<std::size_t>(extent * extent * words), 5, 6);
        for (std::int64_t y = 0; y < extent; ++y)
          for (std::int64_t x = 0; x < extent; ++x)
            std::copy_n(values.data() + (y * extent + x) * words, words, scores.at(y, x));
        std::vector<float> scratch(static_cast<std::size_t>(4 * ((words + 15) / 16 * 16))),
            out(static_cast<std::size_t>(4 * words));
        pool_codes(scores, 2, 1.5f, -0.25f, scratch.data(), out.data());
        for (std::int64_t region = 0; region < 4; ++region)
          for (std::int64_t k = 0; k < words; ++k) {
            const std::int64_t half = extent / 2, upper = (extent + 1) / 2;
            const std::int64_t top = region < 2 ? 0 : half, left = region % 2 == 0 ? 0 : half;
            double sum = 0;
            for (std::int64_t y = top; y < top + upper; ++y)
              for (std::int64_t x = left; x < left + upper; ++x) {
                double total = 0, own = 0;
                for (std::int64_t j = 0; j < words; ++j) {
                  const double score =
                      static_cast<double>(values[static_cast<std::size_t>((y * extent + x) * words + j)]);
                  const double code = 1 / (1 + std::exp(-(1.5 * score - 0.25)));
                  total += code;
                  if (j == k) own = code;
                }
                sum += own / total;
              }
            CHECK(out[static_cast<std::size_t>(region * words + k)] ==
                  doctest::Approx(sum / static_cast<double>(upper * upper)).epsilon(1e-5));
          }
      }
  });
}

TEST_CASE("pooled codes do not depend on the number of threads") {
  for_each_branch([] {
    constexpr std::int64_t words = 33, extent = 17;
    FeatureMap scores(extent, extent, words, 1);
    const std::vector<float> values = random_values(extent * extent * words, 7, 3);
    for (std::int64_t y = 0; y < extent; ++y)
      for (std::int64_t x = 0; x < extent; ++x)
        std::copy_n(values.data() + (y * extent + x) * words, words, scores.at(y, x));
    std::vector<float> scratch(4 * 48), one(4 * words), three(4 * words);
    set_compute_threads(1);
    pool_codes(scores, 2, 1, 0, scratch.data(), one.data());
    set_compute_threads(3);
    pool_codes(scores, 2, 1, 0, scratch.data(), three.data());
    set_compute_threads(1);
    CHECK(one == three);
  });
}

TEST_CASE("gradients of codes against differences, in every branch") {
  for_each_branch([] {
    constexpr std::int64_t words = 21, rows = 3;
    std::vector<float> scores = random_values(rows * words, 11, 2);
    const std::vector<float> weight = random_values(words, 12);
    std::vector<float> scratch(32), found(rows * words, 0.5f);
    kernel_branch().add_code_gradients(scores.data(), rows, words, weight.data(), scratch.data(), found.data());
    const auto value = [&] {
      double sum = 0;
      for (std::int64_t r = 0; r < rows; ++r) {
        double total = 0, weighted = 0;
        for (std::int64_t k = 0; k < words; ++k) {
          const double u = 1 / (1 + std::exp(-static_cast<double>(scores[static_cast<std::size_t>(r * words + k)])));
          total += u;
          weighted += u * static_cast<double>(weight[static_cast<std::size_t>(k)]);
        }
        sum += weighted / total;
      }
      return sum;
    };
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const float kept = scores[i];
      scores[i] = kept + 0x1p-7f;
      const double above = value();
      scores[i] = kept - 0x1p-7f;
      const double below = value();
      scores[i] = kept;
      // What was there is added to.
      CHECK(static_cast<double>(found[i]) - 0.5 == doctest::Approx((above - below) * 64).epsilon(2e-3));
    }
  });
}
