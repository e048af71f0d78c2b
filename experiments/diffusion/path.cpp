#include "experiments/diffusion/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "experiments/diffusion/step_rule.hpp"

namespace dynexec::diffusion {
namespace {

class SamplingPath : public Path {
 public:
  SamplingPath(std::shared_ptr<const Shared> shared, PathOptions options)
      : shared_(std::move(shared)), options_(std::move(options)), rule_(make_step_rule(shared_, options_)) {
    info_.name = options_.name;
    info_.method = method_name(options_.method);
    info_.setting = options_.describe();
  }

  const PathInfo& info() const override { return info_; }

  void prepare() override {
    (void)shared_->model_of(options_);
    rule_->prepare();
    for (std::size_t i = 0; i < shared_->measured->size(); ++i)
      (void)sampler(rule_->forecast(shared_->measured->sample(i)).steps);
  }

  // Samples of a batch that get the same number of steps are drawn together.
  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                           const RunRequest& request) override {
    std::vector<Outcome> outcomes(samples.size());
    std::vector<Forecast> forecasts;
    std::map<std::int64_t, std::vector<std::size_t>> buckets;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      forecasts.push_back(rule_->forecast(samples[i]));
      buckets[forecasts.back().steps].push_back(i);
    }
    for (const auto& [steps, members] : buckets) {
      std::vector<DrawInput> inputs;
      for (const std::size_t i : members) inputs.push_back(draw_input(samples[i], streams[i]));
      std::vector<Drawing> drawings = draw(shared_->model_of(options_), sampler(steps), inputs, options_.draw);
      for (std::size_t k = 0; k < members.size(); ++k)
        outcomes[members[k]] = outcome_of(std::move(drawings[k]), forecasts[members[k]], request);
    }
    return outcomes;
  }

  std::optional<Mismatch> compare(const Outcome&, const Outcome&) const override { return std::nullopt; }

 private:
  const Sampler& sampler(std::int64_t steps) {
    auto& known = samplers_[steps];
    if (!known) known = make_sampler(options_.sampler_of(steps));
    return *known;
  }

  Outcome outcome_of(Drawing drawing, const Forecast& forecast, const RunRequest& request) const {
    Outcome outcome;
    outcome.cost.tokens = 1;
    outcome.cost.macs = drawing.cost.macs + forecast.macs;
    outcome.cost.weight_bytes = drawing.cost.weight_bytes + forecast.weight_bytes;
    outcome.sampling = {.steps = drawing.steps, .evaluations = drawing.cost.evaluations, .reused = drawing.cost.reused};
    if (request.trace)
      outcome.trace.push_back(fmt::format(R"({{"planned":{},"steps":{},"evaluations":{},"reused":{}}})", forecast.steps,
                                          drawing.steps, drawing.cost.evaluations, drawing.cost.reused));
    outcome.output = PictureOutput{.pixels = std::move(drawing.pixels), .shape = shared_->model->picture_shape()};
    return outcome;
  }

  std::shared_ptr<const Shared> shared_;
  PathOptions options_;
  std::unique_ptr<StepRule> rule_;
  PathInfo info_;
  std::map<std::int64_t, std::unique_ptr<Sampler>> samplers_;  // by steps
};

}  // namespace

double Shared::mean_macs(const PathOptions& path) const {
  const auto self = std::make_shared<Shared>(*this);
  self->measured = calibration;
  const auto other = make_path(self, path);
  other->prepare();
  double sum = 0;
  std::size_t made = 0;
  for (std::size_t i = 0; i < calibration->size(); ++i) {
    throw_if_interrupted();
    const Sample sample = calibration->sample(i);
    const Streams streams{0, i, 0};
    try {
      sum += other->run({&sample, 1}, {&streams, 1}, {}).front().cost.macs;
      ++made;
    } catch (const Error& error) {
      // One picture that fails does not end the run; all of them do.
      if (error.kind() != ErrorKind::model || (made == 0 && i + 1 == calibration->size())) throw;
    }
  }
  return sum / static_cast<double>(made);
}

std::unique_ptr<Path> make_path(std::shared_ptr<const Shared> shared, PathOptions options) {
  return std::make_unique<SamplingPath>(std::move(shared), std::move(options));
}

}  // namespace dynexec::diffusion
