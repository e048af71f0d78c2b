#include "diffusion/noise_schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "base/error.hpp"

using namespace dynexec;
using doctest::Approx;

TEST_CASE("the levels of Stable Diffusion 1.x") {
  const NoiseSchedule schedule{NoiseOptions{}};
  CHECK(schedule.train_steps() == 1000);
  CHECK(schedule.sigma(0) == Approx(0.02917).epsilon(1e-3));
  CHECK(schedule.sigma(999) == Approx(14.6146).epsilon(1e-5));
  for (std::int64_t t = 1; t < 1000; ++t) CHECK(schedule.alpha_bar(t) < schedule.alpha_bar(t - 1));
}

TEST_CASE("linear and cosine betas against their formulas") {
  const NoiseSchedule linear{{.betas = BetaSchedule::linear, .beta_start = 0.1, .beta_end = 0.3, .train_steps = 3}};
  CHECK(linear.alpha_bar(0) == Approx(0.9));
  CHECK(linear.alpha_bar(2) == Approx(0.9 * 0.8 * 0.7));
  const NoiseSchedule cosine{{.betas = BetaSchedule::cosine, .train_steps = 100}};
  const auto left = [](double share) { return std::pow(std::cos((share + 0.008) / 1.008 * std::acos(0.0)), 2); };
  CHECK(cosine.alpha_bar(49) == Approx(left(0.5) / left(0)).epsilon(1e-5));
  CHECK(cosine.alpha_bar(99) == Approx(cosine.alpha_bar(98) * 0.001).epsilon(1e-3));  // the cut beta
}

TEST_CASE("levels and steps are each other's inverse between the table's entries") {
  const NoiseSchedule schedule{NoiseOptions{}};
  CHECK(schedule.sigma(10.25) == Approx(0.75 * schedule.sigma(10) + 0.25 * schedule.sigma(11)));
  for (const double step : {0.0, 1.0, 500.0, 999.0}) CHECK(schedule.step_of(schedule.sigma(step)) == Approx(step));
  CHECK(schedule.step_of(std::sqrt(schedule.sigma(7) * schedule.sigma(8))) == Approx(7.5));
  CHECK(schedule.step_of(1e-3) == 0);
  CHECK(schedule.step_of(1e3) == 999);
  CHECK(schedule.sigma(-5) == schedule.sigma(0));
  CHECK(schedule.sigma(2000) == schedule.sigma(999));
}

TEST_CASE("betas that leave no noise or nothing of the image are refused") {
  const auto refusal = [](const NoiseOptions& options) {
    try {
      const NoiseSchedule schedule{options};
      return std::string();
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      return error.message();
    }
  };
  CHECK(refusal({.betas = BetaSchedule::linear, .beta_start = 1e-4, .beta_end = 0.02}).empty());
  CHECK(refusal({.betas = BetaSchedule::linear, .beta_start = 1e-4, .beta_end = 0.9}).find("nothing of the image") !=
        std::string::npos);
  CHECK(refusal({.betas = BetaSchedule::scaled_linear, .train_steps = 100'000}).find("nothing of the image") !=
        std::string::npos);
  CHECK(refusal({.betas = BetaSchedule::linear, .beta_start = 1e-9, .beta_end = 0.02}) ==
        "the betas leave no noise at training step 0");
}

TEST_CASE("Karras levels fall evenly in their seventh root") {
  const std::vector<double> levels = karras_sigmas(128, 1, 3);
  CHECK(levels[0] == Approx(128));
  CHECK(levels[1] == Approx(std::pow(1.5, 7)));
  CHECK(levels[2] == Approx(1));
  CHECK(karras_sigmas(5, 1, 1) == std::vector<double>{karras_sigmas(5, 5, 2)[0]});
}
