#include "diffusion/sampler.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>

#include "base/error.hpp"

using namespace dynexec;
using doctest::Approx;

namespace {

using Network = std::function<double(double input, double timestep)>;

void no_noise(std::span<float>) {
  FAIL("noise was drawn");
}

// All the way from `starts` times the start deviation.
std::vector<float> sample(const Sampler& sampler, std::vector<float> starts, const Network& network,
                          const NoiseSource& noise = no_noise) {
  for (float& value : starts) value = static_cast<float>(static_cast<double>(value) * sampler.start_deviation());
  const auto way = sampler.start();
  std::vector<float> input(starts.size()), output(starts.size());
  for (std::size_t e = 0; e < sampler.evaluations(); ++e) {
    way->network_input(e, starts, input);
    for (std::size_t i = 0; i < input.size(); ++i)
      output[i] = static_cast<float>(network(static_cast<double>(input[i]), sampler.timesteps()[e]));
    way->advance(e, starts, output, noise);
  }
  return starts;
}

SamplerOptions options_of(SamplerKind kind, std::int64_t steps, bool karras = false) {
  SamplerOptions options;
  options.kind = kind;
  options.steps = steps;
  options.karras = karras;
  return options;
}

// Data of a normal distribution: the best possible network in closed form, and where the probability-flow ODE ends.
constexpr double kMean = 0.3, kDeviation = 0.5;

double best_noise(double input, double sigma) {
  const double x = input * std::hypot(sigma, 1.0);
  const double clean = (kDeviation * kDeviation * x + sigma * sigma * kMean) / std::hypot(kDeviation, sigma) /
                       std::hypot(kDeviation, sigma);
  return (x - clean) / sigma;
}

double ode(double x, double from, double to) {
  return kMean + (x - kMean) * std::hypot(kDeviation, to) / std::hypot(kDeviation, from);
}

double error_of(SamplerKind kind, std::int64_t steps) {
  SamplerOptions options = options_of(kind, steps, kind != SamplerKind::ddim);
  const bool ddim = kind == SamplerKind::ddim;
  // DDIM's steps meet each other with leading spacing alone.
  options.spacing = ddim ? Spacing::leading : Spacing::linspace;
  const NoiseSchedule schedule(options.noise);
  const auto sampler = make_sampler(options);
  const double first = schedule.sigma(sampler->timesteps().front());
  const bool scaled = sampler->start_deviation() == 1;  // the latents are x / sqrt(sigma^2 + 1)
  const std::vector<float> start{1.5f};
  const float end =
      sample(*sampler, start, [&](double input, double t) { return best_noise(input, schedule.sigma(t)); })[0];
  const double x = 1.5 * (scaled ? std::hypot(first, 1.0) : sampler->start_deviation());
  // DDIM ends at the lowest level. The others' step from there to none is the same for all numbers of steps.
  const double low = schedule.sigma(0), at_low = ode(x, first, low), seen = at_low / std::hypot(low, 1.0);
  const double wanted = ddim ? seen : at_low - low * best_noise(seen, low);
  return std::abs(static_cast<double>(end) - wanted);
}

}  // namespace

TEST_CASE("counts with which DDIM leaves noise in the picture are told") {
  const auto ends_clean = [](SamplerKind kind, Spacing spacing, std::int64_t steps) {
    SamplerOptions options = options_of(kind, steps);
    options.spacing = spacing;
    options.offset = spacing == Spacing::leading ? 1 : 0;
    options.final_alpha_one = true;
    // A network that knows the clean image, 0.25, says what is left of a start of 1.
    options.prediction = Prediction::sample;
    const auto sampler = make_sampler(options);
    const auto end = static_cast<double>(sample(*sampler, {1}, [](double, double) { return 0.25; }).front());
    CHECK(sampler->ends_clean() == (std::abs(end - 0.25) < 1e-5));
    return sampler->ends_clean();
  };
  for (const std::int64_t steps : {4, 5, 8, 10, 12, 20, 25, 30, 40, 50})
    CHECK(ends_clean(SamplerKind::ddim, Spacing::trailing, steps));
  for (const std::int64_t steps : {6, 7, 15, 17, 24}) {
    CHECK_FALSE(ends_clean(SamplerKind::ddim, Spacing::trailing, steps));
    CHECK(ends_clean(SamplerKind::ddim, Spacing::leading, steps));
    CHECK(ends_clean(SamplerKind::euler, Spacing::trailing, steps));
    CHECK(ends_clean(SamplerKind::unipc, Spacing::trailing, steps));
  }
}

TEST_CASE("golden values of the reference schedulers") {
  const auto network = [](double x, double t) { return 0.8 * std::sin(1.3 * x + t / 300) + 0.1 * x; };
  struct Golden {
    SamplerKind kind;
    bool karras;
    std::size_t evaluations;
    std::vector<double> outputs;
  };
  const std::vector<Golden> goldens{
      {SamplerKind::ddim, false, 10, {-7.8563, -1.3277, 5.4347, 13.3695}},
      {SamplerKind::euler, false, 10, {-7.8532, -1.3014, 5.4044, 13.3594}},
      {SamplerKind::euler, true, 10, {-8.0340, -1.4639, 5.5554, 13.1102}},
      {SamplerKind::heun, false, 19, {-5.9723, -1.3161, 5.2715, 10.8048}},
      {SamplerKind::dpm2, false, 19, {-6.2415, -1.3848, 5.3089, 10.7474}},
      {SamplerKind::dpm2, true, 19, {-6.1262, -1.3157, 5.2466, 10.7090}},
      {SamplerKind::dpmpp_2m, false, 10, {-6.3346, -1.2246, 5.2181, 11.3083}},
      {SamplerKind::dpmpp_2m, true, 10, {-10.8676, -0.8243, 8.7889, 18.3861}},
      {SamplerKind::unipc, false, 10, {-6.1114, -1.2650, 5.2372, 10.9296}},
  };
  for (const Golden& golden : goldens) {
    const auto sampler = make_sampler(options_of(golden.kind, 10, golden.karras));
    const std::string name = sampler_names()[static_cast<std::size_t>(golden.kind)];
    CAPTURE(name);
    CAPTURE(golden.karras);
    CHECK(sampler->evaluations() == golden.evaluations);
    const std::vector<float> found = sample(*sampler, {-1, 0, 0.5, 2}, network);
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(std::abs(static_cast<double>(found[i]) - golden.outputs[i]) < 1e-3);
  }
}

TEST_CASE("leading noise levels of ten steps") {
  const NoiseSchedule schedule{NoiseOptions{}};
  const std::vector<double> wanted{8.3907, 5.1344, 3.3478, 2.2929, 1.6237, 1.1682, 0.8357, 0.5741, 0.3462, 0.0413};
  const auto sampler = make_sampler(options_of(SamplerKind::euler, 10));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    CHECK(schedule.sigma(sampler->timesteps()[i]) == Approx(wanted[i]).epsilon(1e-4));
}

TEST_CASE("errors fall with the order of each sampler") {
  for (const SamplerKind kind : {SamplerKind::ddim, SamplerKind::euler, SamplerKind::heun, SamplerKind::dpm2,
                                 SamplerKind::dpmpp_2m, SamplerKind::unipc}) {
    const std::string name = sampler_names()[static_cast<std::size_t>(kind)];
    CAPTURE(name);
    const bool first_order = kind == SamplerKind::ddim || kind == SamplerKind::euler;
    const double slope = std::log2(error_of(kind, 20) / error_of(kind, 80)) / 2;
    CAPTURE(slope);
    if (first_order) {
      CHECK(slope > 0.7);
      CHECK(slope < 1.4);
    } else {
      CHECK(slope > 1.6);
    }
  }
}

TEST_CASE("all predictions of one network lead to the same image") {
  const NoiseSchedule schedule{NoiseOptions{}};
  for (const SamplerKind kind : {SamplerKind::ddim, SamplerKind::euler, SamplerKind::heun, SamplerKind::dpm2,
                                 SamplerKind::dpmpp_2m, SamplerKind::unipc}) {
    std::map<Prediction, float> ends;
    for (const Prediction prediction : {Prediction::epsilon, Prediction::v, Prediction::sample}) {
      SamplerOptions options = options_of(kind, 12);
      options.prediction = prediction;
      const auto network = [&](double input, double t) {
        const double sigma = schedule.sigma(t), noise = best_noise(input, sigma), root = std::hypot(sigma, 1.0);
        const double clean = input * root - sigma * noise;
        if (prediction == Prediction::epsilon) return noise;
        return prediction == Prediction::sample ? clean : (noise - sigma * clean) / root;
      };
      ends[prediction] = sample(*make_sampler(options), {0.7f}, network)[0];
    }
    CHECK(ends[Prediction::v] == Approx(ends[Prediction::epsilon]).epsilon(1e-4));
    CHECK(ends[Prediction::sample] == Approx(ends[Prediction::epsilon]).epsilon(1e-4));
  }
}

TEST_CASE("noise is drawn where a sampler says so, and limits hold") {
  const auto network = [](double x, double) { return 0.5 * x; };
  int draws = 0;
  const auto noise = [&](std::span<float> out) {
    ++draws;
    for (float& value : out) value = 1;
  };
  SamplerOptions options = options_of(SamplerKind::euler_ancestral, 6);
  sample(*make_sampler(options), {1}, network, noise);
  CHECK(draws == 6);
  options = options_of(SamplerKind::ddim, 6);
  const float calm = sample(*make_sampler(options), {1}, network)[0];
  options.eta = 1;
  CHECK(sample(*make_sampler(options), {1}, network, noise)[0] != calm);
  CHECK(draws == 12);

  options = options_of(SamplerKind::ddim, 6);
  options.limits.clip = 0.25;
  const auto sampler = make_sampler(options);
  const auto way = sampler->start();
  std::vector<float> latents{3, -3, 0.001f};
  way->advance(0, latents, std::vector<float>{0, 0, 0}, no_noise);
  CHECK(way->clean()[0] == 0.25f);
  CHECK(way->clean()[1] == -0.25f);
  // The middle of three magnitudes is the bound, and no more than the highest.
  options.limits = {.clip = 0, .quantile = 0.5, .highest = 100};
  const auto dynamic = make_sampler(options);
  const auto other = dynamic->start();
  latents = {6, -3, 1};
  other->advance(0, latents, std::vector<float>{0, 0, 0}, no_noise);
  CHECK(other->clean()[0] == 1);
  CHECK(other->clean()[1] == -1);
  CHECK(other->clean()[2] == Approx(1 / 3.0));
}

TEST_CASE("options that do not fit are refused with their key") {
  const auto refused = [](const SamplerOptions& options, const char* where) {
    try {
      make_sampler(options);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.where() == where);
      CHECK_FALSE(error.hint().empty());
    }
  };
  refused(options_of(SamplerKind::ddim, 0), "steps");
  refused(options_of(SamplerKind::ddim, 1001), "steps");
  refused(options_of(SamplerKind::unipc, 1000), "steps");
  refused(options_of(SamplerKind::ddim, 1000), "offset");
  refused(options_of(SamplerKind::ddim, 10, true), "karras");
  refused(options_of(SamplerKind::euler_ancestral, 10, true), "karras");
  SamplerOptions options = options_of(SamplerKind::euler, 10);
  options.eta = 0.5;
  refused(options, "eta");
  options.eta = 0;
  options.noise.beta_end = 1.5;
  refused(options, "beta_start, beta_end");
  options.noise = {};
  options.noise.train_steps = 1;
  options.steps = 1;
  options.offset = 0;
  refused(options, "train_steps");
  options.noise = {};
  options.limits.quantile = 2;
  refused(options, "limits");
}
