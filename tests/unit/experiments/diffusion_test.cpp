#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "experiments/diffusion/path.hpp"
#include "experiments/registry.hpp"

using namespace dynexec;
using namespace dynexec::diffusion;
using doctest::Approx;

namespace {

constexpr std::int64_t kSide = 12;

// Knows what all its images look like: a ramp whose direction the start noise decides, so that nothing but the number
// of steps changes a picture.
class Ramp : public NoiseNetwork {
 public:
  explicit Ramp(const NoiseOptions& options) : schedule_(options) {}
  ImageShape shape() const override { return {1, kSide, kSide}; }
  std::int64_t train_steps() const override { return schedule_.train_steps(); }
  double macs() const override { return 7; }
  double weight_bytes() const override { return 4; }
  void predict(std::span<const float> image, double timestep, std::span<float> output) override {
    ++calls;
    const double left = schedule_.alpha_bar(static_cast<std::int64_t>(timestep));
    for (std::size_t i = 0; i < image.size(); ++i) {
      const double clean = static_cast<double>(i % kSide) / kSide - 0.5;
      output[i] = static_cast<float>((static_cast<double>(image[i]) - std::sqrt(left) * clean) / std::sqrt(1 - left));
      if (broken) output[i] = std::numeric_limits<float>::infinity();
    }
  }
  int calls = 0;
  bool broken = false;

 private:
  NoiseSchedule schedule_;
};

SamplerOptions sampler(std::int64_t steps) {
  SamplerOptions options;
  options.steps = steps;
  options.offset = 0;
  options.noise = {.betas = BetaSchedule::linear, .beta_start = 1e-4, .beta_end = 0.02, .train_steps = 200};
  options.limits.clip = 1;
  return options;
}

struct Fixture {
  Fixture() {
    network = std::make_shared<Ramp>(sampler(1).noise);
    const std::shared_ptr<const Sampler> reference = make_sampler(sampler(50));
    shared->network = network;
    shared->task = std::make_shared<NoiseTask>(network, reference, 1, 0, 3);
    shared->calibration = std::make_shared<NoiseTask>(network, reference, 1, 3, 2);
  }

  PathOptions options(Method method, std::int64_t steps) const {
    PathOptions options{.sampler = sampler(steps), .node = Config::parse("a: 1", "t.yaml", {}).root()};
    options.name = method_name(method);
    options.method = method;
    return options;
  }

  Outcome run(const PathOptions& options, std::size_t index = 0) const {
    const auto path = make_path(shared, options);
    path->prepare();
    const std::vector<Sample> samples{shared->task->sample(index)};
    const std::vector<Streams> streams{{1, index, 0}};
    return path->run(samples, streams, {}).front();
  }
  double ssim(const Outcome& outcome, std::size_t index = 0) const {
    return shared->task->score(shared->task->sample(index), outcome).front().value;
  }

  std::shared_ptr<Ramp> network;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
};

}  // namespace

TEST_CASE("a fixed path asks the network once a step and counts it") {
  const Fixture f;
  const Outcome outcome = f.run(f.options(Method::fixed, 50));
  CHECK(outcome.cost.target_passes == 50);
  CHECK(outcome.cost.macs == 350);
  CHECK(outcome.cost.weight_bytes == 200);
  CHECK(f.ssim(outcome) == Approx(1));  // as many steps as the reference
  CHECK(f.ssim(f.run(f.options(Method::fixed, 2))) < 0.999);
  PathOptions heun = f.options(Method::fixed, 10);
  heun.sampler.kind = SamplerKind::heun;
  CHECK(f.run(heun).cost.target_passes == 19);
}

TEST_CASE("a picture that has stopped moving is done, and a fixed control may take as many steps") {
  const Fixture f;
  PathOptions converged = f.options(Method::converged, 50);
  converged.threshold = 1e-3;
  converged.patience = 3;
  const Outcome outcome = f.run(converged);
  // The clean image is right at once: the first evaluation has nothing to compare with, three more do not move.
  CHECK(outcome.cost.target_passes == 4);
  const auto& pixels = std::any_cast<const ImageOutput&>(outcome.output).pixels;
  CHECK(pixels[0] == Approx(-0.5).epsilon(1e-3));
  converged.threshold = 0;
  CHECK(f.run(converged).cost.target_passes == 50);

  converged.threshold = 1e-3;
  f.shared->paths = {converged};
  PathOptions same = f.options(Method::fixed, 50);
  same.like = converged.name;
  CHECK(f.run(same).cost.target_passes == 4);
  same.sampler.kind = SamplerKind::heun;
  CHECK(f.run(same).cost.target_passes == 5);  // three steps of two, the last of one
}

TEST_CASE("the oracle takes the fewest steps whose picture is like the reference") {
  const Fixture f;
  PathOptions oracle = f.options(Method::oracle, 50);
  oracle.steps = {2, 5, 50};
  for (const double wanted : {-1.0, 0.9999999}) {
    oracle.similarity = wanted;
    const Outcome outcome = f.run(oracle, 1);
    std::int64_t fewest = 50;
    for (const std::int64_t steps : {50, 5, 2})
      if (f.ssim(f.run(f.options(Method::fixed, steps), 1), 1) >= wanted) fewest = steps;
    CHECK(outcome.cost.target_passes == fewest);
  }
}

TEST_CASE("noises are the seed's own, and what is not finite is said where it appears") {
  const Fixture f;
  const auto noise = [](const Task& task, std::size_t i) {
    return std::any_cast<const NoiseInput&>(task.sample(i).input).noise;
  };
  CHECK(noise(*f.shared->task, 0) == noise(*f.shared->task, 0));
  CHECK(noise(*f.shared->task, 0) != noise(*f.shared->task, 1));
  CHECK(f.shared->calibration->sample(0).id != f.shared->task->sample(0).id);
  f.network->broken = true;
  try {
    f.run(f.options(Method::fixed, 5));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where() == "evaluation 0");
  }
}

TEST_CASE("diffusion configs: what is wrong is said at its place") {
  const auto refused = [](const std::string& paths, const std::string& where) {
    const std::string text =
        "experiment: diffusion\ntask: {kind: from_noise}\nmodel: {network: m}\npaths: " + paths + "\n";
    try {
      read_options(Config::parse(text, "t.yaml", {}).root());
      FAIL("accepted " << paths);
    } catch (const Error& error) {
      CHECK(error.where() == where);
      CHECK_FALSE(error.hint().empty());
    }
  };
  refused("[]", "t.yaml:4:8");
  refused("[{name: a, method: converged}]", "t.yaml:4:8");
  refused("[{name: a}, {name: a}]", "t.yaml:4:27");
  refused("[{name: a}, {name: b, like: a}]", "t.yaml:4:36");
  refused("[{name: a}, {name: o, method: oracle, steps: [5, 5]}]", "t.yaml:4:20");
  refused("[{name: a, sampler: dim}]", "t.yaml:4:28");
  const auto found =
      experiment_knobs(Config::parse("experiment: diffusion\ntask: {kind: from_noise}\nmodel: {network: m}\n"
                                     "paths: [{name: a}, {name: b, steps: 20}, {name: c, method: converged}]\n",
                                     "t.yaml", {})
                           .root());
  REQUIRE(found.size() == 2);
  CHECK(found[0].key == "steps");
  CHECK(found[1].key == "threshold");
  CHECK(found[1].values.front() == 0);
}
