#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "experiments/diffusion/path.hpp"
#include "experiments/registry.hpp"

using namespace dynexec;
using namespace dynexec::diffusion;
using doctest::Approx;

namespace {

constexpr std::int64_t kSide = 12;
constexpr double kMacs = 7, kReusedMacs = 2, kDecodeMacs = 3;

NoiseOptions noise_options() {
  return {.betas = BetaSchedule::linear, .beta_start = 1e-4, .beta_end = 0.02, .train_steps = 200};
}

// Knows what all its pictures look like: a ramp, so that nothing but the number of steps changes a picture.
class Ramp : public PictureModel {
 public:
  ImageShape latent_shape() const override { return {1, kSide, kSide}; }
  ImageShape picture_shape() const override { return latent_shape(); }
  bool takes_text() const override { return true; }
  double parameters() const override { return 1; }
  std::string sha256() const override { return "ramp"; }
  SamplerOptions sampling() const override { return {}; }
  std::unique_ptr<Denoising> begin(const PictureRequest& request) const override;
  std::vector<float> decode(std::span<const float> latents, PictureCost& cost) const override {
    cost.macs += kDecodeMacs;
    return {latents.begin(), latents.end()};
  }

  NoiseSchedule schedule{noise_options()};
  mutable std::vector<std::size_t> rows;  // of every begin
  bool broken = false;
  std::size_t broken_below = 0;  // evaluations
  std::string broken_text;
};

class RampDenoising : public Denoising {
 public:
  RampDenoising(const Ramp& ramp, PictureRequest request)
      : ramp_(ramp), request_(std::move(request)), rows_(request_.rows) {}
  std::size_t rows() const override { return rows_; }
  void evaluate(std::size_t evaluation, std::span<const float> input, const EvaluationMode& mode,
                std::span<float> output) override {
    const std::int64_t times = mode.guided && request_.guidance > 1 ? 2 : 1;
    cost_ += {.macs = static_cast<double>(times) * (mode.reuse ? kReusedMacs : kMacs),
              .weight_bytes = 4,
              .evaluations = times,
              .reused = mode.reuse ? times : 0};
    const double left = ramp_.schedule.alpha_bar(static_cast<std::int64_t>(request_.timesteps[evaluation]));
    for (std::size_t i = 0; i < input.size(); ++i) {
      const double clean = static_cast<double>(i % kSide) / kSide - 0.5;
      output[i] = static_cast<float>((static_cast<double>(input[i]) - std::sqrt(left) * clean) / std::sqrt(1 - left));
      const bool too_few = request_.timesteps.size() < ramp_.broken_below;
      const bool named = request_.texts[i / (input.size() / rows_)] == ramp_.broken_text;
      if (ramp_.broken || too_few || named) output[i] = std::numeric_limits<float>::infinity();
    }
  }
  const std::vector<double>& agreement() const override { return none_; }
  void end_guidance(std::span<const std::size_t>) override {}
  void keep_rows(std::span<const std::size_t> rows) override { rows_ = rows.size(); }
  PictureCost cost(std::size_t) const override { return cost_; }

 private:
  const Ramp& ramp_;
  PictureRequest request_;
  std::size_t rows_;
  std::vector<double> none_;
  PictureCost cost_;
};

std::unique_ptr<Denoising> Ramp::begin(const PictureRequest& request) const {
  rows.push_back(request.rows);
  return std::make_unique<RampDenoising>(*this, request);
}

SamplerOptions sampler(std::int64_t steps) {
  SamplerOptions options;
  options.steps = steps;
  options.offset = 0;
  options.noise = noise_options();
  options.limits.clip = 1;
  return options;
}

std::shared_ptr<const PictureTask> task_of(const std::shared_ptr<const PictureModel>& model, const std::string& name,
                                           std::size_t count, std::size_t first) {
  std::vector<PicturePrompt> prompts;
  for (std::size_t i = 0; i < count; ++i)
    prompts.push_back({.id = name + std::to_string(i), .text = std::string(i, 'x') + " words"});
  return std::make_shared<PictureTask>(
      model, prompts, PictureTaskOptions{.first_noise = first, .reference = make_sampler(sampler(50))});
}

struct Fixture {
  Fixture() {
    shared->model = model;
    const auto test = task_of(model, "test-", 3, 0);
    shared->pictures = test;
    shared->measured = test;
    shared->calibration = task_of(model, "calibration-", 2, 3);
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
    const std::vector<Sample> samples{shared->measured->sample(index)};
    const std::vector<Streams> streams{{1, index, 0}};
    return path->run(samples, streams, {}).front();
  }
  double ssim(const Outcome& outcome, std::size_t index = 0) const {
    return shared->pictures->score(shared->measured->sample(index), outcome).front().value;
  }

  std::shared_ptr<Ramp> model = std::make_shared<Ramp>();
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
};

}  // namespace

TEST_CASE("a fixed path asks the network once a step and counts it") {
  const Fixture f;
  const Outcome outcome = f.run(f.options(Method::fixed, 50));
  CHECK(outcome.sampling.evaluations == 50);
  CHECK(outcome.sampling.steps == 50);
  CHECK(outcome.sampling.reused == 0);
  CHECK(outcome.cost.macs == 50 * kMacs + kDecodeMacs);
  CHECK(outcome.cost.weight_bytes == 200);
  CHECK(f.ssim(outcome) == Approx(1));  // as many steps as the reference
  CHECK(f.ssim(f.run(f.options(Method::fixed, 2))) < 0.9995);
  PathOptions heun = f.options(Method::fixed, 10);
  heun.sampler.kind = SamplerKind::heun;
  CHECK(f.run(heun).sampling.evaluations == 19);
  CHECK(f.run(heun).sampling.steps == 10);
}

TEST_CASE("economies are counted as they run: guidance in a part of the way, deep features reused") {
  const Fixture f;
  PathOptions path = f.options(Method::fixed, 10);
  path.draw.guidance = 3;
  CHECK(f.run(path).sampling.evaluations == 20);
  path.draw.guidance_to = 0.5;
  CHECK(f.run(path).sampling.evaluations == 15);
  path.draw.cache_interval = 5;
  const Outcome outcome = f.run(path);
  CHECK(outcome.sampling.evaluations == 15);
  CHECK(outcome.sampling.reused == 12);
  CHECK(outcome.cost.macs == 3 * kMacs + 12 * kReusedMacs + kDecodeMacs);
}

TEST_CASE("a picture that has stopped moving is done, and a fixed control may work as much") {
  const Fixture f;
  PathOptions converged = f.options(Method::converged, 50);
  converged.draw.stop_below = 1e-3;
  converged.draw.patience = 3;
  const Outcome outcome = f.run(converged);
  // The clean image is right at once: the first evaluation has nothing to compare with, three more do not move.
  CHECK(outcome.sampling.evaluations == 4);
  const auto& pixels = std::any_cast<const PictureOutput&>(outcome.output).pixels;
  CHECK(pixels[0] == Approx(-0.5).epsilon(1e-3));
  converged.draw.stop_from = 0.5;  // nothing is looked at before: one to compare with, three that do not move
  CHECK(f.run(converged).sampling.evaluations == 29);
  converged.draw.stop_from = 0;
  converged.draw.stop_below = 0;
  CHECK(f.run(converged).sampling.evaluations == 50);

  converged.draw.stop_below = 1e-3;
  f.shared->paths = {converged};
  PathOptions same = f.options(Method::fixed, 50);
  same.like = converged.name;
  CHECK(f.run(same).sampling.evaluations == 4);
  same.sampler.kind = SamplerKind::heun;
  // Half of the samples get two steps, of two evaluations and one, and half of them three.
  CHECK(f.run(same, 0).sampling.evaluations == 3);
  CHECK(f.run(same, 1).sampling.evaluations == 5);
  // A control with cheaper steps gets more of them.
  same.sampler.kind = SamplerKind::ddim;
  same.draw.cache_interval = 100;
  CHECK(f.run(same, 0).sampling.evaluations == 11);  // 7 + 10 * 2 = 27 of 28
  CHECK(f.run(same, 1).sampling.evaluations == 12);
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
    CHECK(outcome.sampling.steps == fewest);
  }
}

TEST_CASE("pictures that fail while paths are prepared do not end the run") {
  const Fixture f;
  PathOptions oracle = f.options(Method::oracle, 50);
  oracle.steps = {2, 5, 50};
  oracle.similarity = -1;
  f.model->broken_below = 4;
  CHECK(f.run(oracle, 1).sampling.steps == 5);
  oracle.price = 1;
  CHECK(f.run(oracle, 1).sampling.steps == 5);

  f.model->broken_below = 0;
  PathOptions reused = f.options(Method::fixed, 12);
  reused.name = "reused";
  reused.draw.cache_interval = 5;
  f.shared->paths = {reused};
  const double wanted = f.shared->mean_macs(reused);
  f.model->broken_text = "x words";  // the second calibration sample's
  CHECK(f.shared->mean_macs(reused) == wanted);
  f.model->broken = true;
  CHECK_THROWS_AS(f.shared->mean_macs(reused), Error);
}

TEST_CASE("with a price the oracle takes the count whose likeness less its steps' price is highest") {
  const Fixture f;
  PathOptions oracle = f.options(Method::oracle, 50);
  oracle.steps = {2, 5, 10, 50};
  for (const double price : {1e-9, 1e-3, 0.05, 1.0}) {
    oracle.price = price;
    std::int64_t best = 0;
    double most = -1e9;
    for (const std::int64_t steps : oracle.steps) {
      const double worth = f.ssim(f.run(f.options(Method::fixed, steps), 1), 1) - price * static_cast<double>(steps);
      if (worth > most) best = steps;
      most = std::max(most, worth);
    }
    CHECK(f.run(oracle, 1).sampling.steps == best);
  }
  CHECK(oracle.describe().find("at 1 each") != std::string::npos);
}

TEST_CASE("the control of the same work has the mean of the path that it is like, from two neighbouring counts") {
  const Fixture f;
  f.shared->measured = task_of(f.model, "many-", 200, 0);
  PathOptions reused = f.options(Method::fixed, 12);
  reused.name = "reused";
  reused.draw.cache_interval = 5;
  f.shared->paths = {reused};
  const double wanted = f.run(reused).cost.macs;
  PathOptions same = f.options(Method::fixed, 0);
  same.like = reused.name;
  const auto path = make_path(f.shared, same);
  path->prepare();
  std::set<std::int64_t> counts;
  double sum = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::vector<Sample> samples{f.shared->measured->sample(i)};
    const std::vector<Streams> streams{{1, i, 0}};
    const Outcome outcome = path->run(samples, streams, {}).front();
    counts.insert(outcome.sampling.steps);
    sum += outcome.cost.macs;
  }
  // Three evaluations of twelve are whole: 3 * 7 + 9 * 2 = 39 lie between those of five and six steps.
  CHECK(wanted == 39 + kDecodeMacs);
  CHECK(counts == std::set<std::int64_t>{5, 6});
  CHECK(sum / 200 == Approx(wanted).epsilon(0.01));
}

TEST_CASE("the control of the same work passes over counts that leave noise in the picture") {
  const Fixture f;
  PathOptions other = f.options(Method::fixed, 0);
  other.name = "other";
  other.sampler.spacing = Spacing::trailing;
  PathOptions same = other;
  same.name = "same";
  same.like = other.name;
  // Of 200 training steps: 7 and 17 end one before the clean image.
  for (const auto& [steps, few, many] :
       {std::tuple{6, 6, 6}, {7, 6, 8}, {8, 8, 8}, {13, 13, 13}, {15, 15, 15}, {17, 16, 18}}) {
    other.sampler.steps = steps;
    f.shared->paths = {other};
    CHECK(f.run(same, 0).sampling.steps == few);
    CHECK(f.run(same, 1).sampling.steps == many);
    CHECK(f.run(same, 2).sampling.steps == many);
  }
}

TEST_CASE("pictures of a batch that get as many steps are drawn together, and come back in order") {
  const Fixture f;
  const auto path = make_path(f.shared, f.options(Method::fixed, 5));
  path->prepare();
  std::vector<Sample> samples;
  std::vector<Streams> streams;
  for (std::size_t i = 0; i < 3; ++i) {
    samples.push_back(f.shared->measured->sample(i));
    streams.push_back({1, i, 0});
  }
  f.model->rows.clear();
  const std::vector<Outcome> outcomes = path->run(samples, streams, {});
  CHECK(f.model->rows == std::vector<std::size_t>{3});
  for (std::size_t i = 0; i < 3; ++i) {
    const auto pixels = [](const Outcome& outcome) {
      return std::any_cast<const PictureOutput&>(outcome.output).pixels;
    };
    CHECK(pixels(outcomes[i]) == pixels(f.run(f.options(Method::fixed, 5), i)));
  }
}

TEST_CASE("noises are the seed's own, and what is not finite is said where it appears") {
  const Fixture f;
  const auto noise = [](const Task& task, std::size_t i) {
    return std::any_cast<const PictureInput&>(task.sample(i).input).noise;
  };
  CHECK(noise(*f.shared->measured, 0) == noise(*f.shared->measured, 0));
  CHECK(noise(*f.shared->measured, 0) != noise(*f.shared->measured, 1));
  CHECK(noise(*f.shared->measured, 0) != noise(*f.shared->calibration, 0));
  f.model->broken = true;
  try {
    f.run(f.options(Method::fixed, 5));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where() == "evaluation 0");
  }
}

TEST_CASE(
    "quantised paths share models that are calibrated before they run, on calibration samples of their guidance") {
  Fixture f;
  PathOptions int8 = f.options(Method::fixed, 5), guided = int8, whole = int8;
  int8.weights = guided.weights = QuantisedWeights::int8;
  guided.draw.guidance = 2;
  const auto seen = std::make_shared<Ramp>(), made = std::make_shared<Ramp>();
  const CalibrationDrawing drawing =
      calibration_drawing(f.shared->calibration, {whole, int8, int8, guided}, {.samples = 9, .steps = 4});
  int loads = 0;
  f.shared->quantised[QuantisedWeights::int8] = std::make_shared<QuantisedModel>([&] {
    ++loads;
    drawing(*seen);
    return made;
  });
  const auto path = make_path(f.shared, int8), other = make_path(f.shared, guided);
  CHECK(loads == 0);
  path->prepare();
  other->prepare();
  CHECK(loads == 1);
  CHECK(seen->rows.size() == 4);  // two calibration samples, two kinds of guidance
  CHECK(made->rows.empty());
  f.run(int8);
  CHECK(made->rows.size() == 1);
  CHECK(f.model->rows.empty());
  f.run(whole);
  CHECK(f.model->rows.size() == 1);
}

TEST_CASE("all formats share ranges that are learnt once, when the first of them is loaded") {
  int learnt = 0;
  LearntRanges ranges([&] {
    ++learnt;
    return std::make_shared<diffusers::ActivationRanges>();
  });
  CHECK(learnt == 0);
  CHECK(ranges.get() == ranges.get());
  CHECK(learnt == 1);
}
