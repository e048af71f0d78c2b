#include "experiments/diffusion/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace dynexec::diffusion {
namespace {

Stop stop_of(const PathOptions& options) {
  return options.method == Method::converged ? Stop{.threshold = options.threshold, .patience = options.patience}
                                             : Stop{};
}

class SamplingPath : public Path {
 public:
  SamplingPath(std::shared_ptr<const Shared> shared, PathOptions options)
      : shared_(std::move(shared)), options_(std::move(options)) {
    info_.name = options_.name;
    info_.method = method_name(options_.method);
    info_.setting = options_.describe();
  }

  const PathInfo& info() const override { return info_; }

  void prepare() override {
    if (!options_.like.empty()) {
      const auto other = std::find_if(shared_->paths.begin(), shared_->paths.end(),
                                      [&](const PathOptions& o) { return o.name == options_.like; });
      options_.sampler.steps = steps_for(shared_->mean_evaluations(*other));
    }
    samplers_.clear();
    if (options_.method == Method::oracle) {
      for (const std::int64_t steps : options_.steps) samplers_[steps] = sampler_of(steps);
      look_back();
    } else {
      samplers_[options_.sampler.steps] = sampler_of(options_.sampler.steps);
    }
  }

  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                           const RunRequest& request) override {
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const bool oracle = options_.method == Method::oracle;
      const Sampler& sampler = *samplers_.at(oracle ? fewest_.at(samples[i].index) : options_.sampler.steps);
      const auto& noise = std::any_cast<const NoiseInput&>(samples[i].input).noise;
      Drawing drawing = draw(*shared_->network, sampler, noise, streams[i], stop_of(options_));
      Outcome outcome;
      const auto evaluations = static_cast<double>(drawing.evaluations);
      outcome.cost.tokens = 1;
      outcome.cost.target_passes = drawing.evaluations;
      outcome.cost.macs = shared_->network->macs() * evaluations;
      outcome.cost.weight_bytes = shared_->network->weight_bytes() * evaluations;
      if (request.trace) outcome.trace.push_back(fmt::format(R"({{"evaluations":{}}})", drawing.evaluations));
      outcome.output = ImageOutput{.pixels = std::move(drawing.pixels)};
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  std::optional<Mismatch> compare(const Outcome&, const Outcome&) const override { return std::nullopt; }

 private:
  std::unique_ptr<Sampler> sampler_of(std::int64_t steps) const {
    SamplerOptions options = options_.sampler;
    options.steps = steps;
    return make_sampler(options);
  }

  // Steps with about so many evaluations.
  std::int64_t steps_for(double evaluations) const {
    const bool twice = options_.sampler.kind == SamplerKind::heun || options_.sampler.kind == SamplerKind::dpm2;
    return std::max<std::int64_t>(1, std::llround(twice ? (evaluations + 1) / 2 : evaluations));
  }

  // The fewest steps whose picture is like the reference, for every sample.
  void look_back() {
    for (std::size_t i = 0; i < shared_->task->size(); ++i) {
      throw_if_interrupted();
      const Sample sample = shared_->task->sample(i);
      const auto& noise = std::any_cast<const NoiseInput&>(sample.input).noise;
      const std::vector<float>& wanted = shared_->task->reference(sample);
      fewest_[i] = options_.steps.back();
      for (const auto& [steps, sampler] : samplers_) {
        const Drawing drawing = draw(*shared_->network, *sampler, noise, {0, i, 0});
        if (similarity(shared_->network->shape(), drawing.pixels, wanted) < options_.similarity) continue;
        fewest_[i] = steps;
        break;
      }
    }
  }

  std::shared_ptr<const Shared> shared_;
  PathOptions options_;
  PathInfo info_;
  std::map<std::int64_t, std::unique_ptr<Sampler>> samplers_;  // by steps
  std::map<std::size_t, std::int64_t> fewest_;                 // by sample
};

}  // namespace

double Shared::mean_evaluations(const PathOptions& path) const {
  const auto sampler = make_sampler(path.sampler);
  double sum = 0;
  for (std::size_t i = 0; i < calibration->size(); ++i) {
    throw_if_interrupted();
    const Sample sample = calibration->sample(i);
    const auto& noise = std::any_cast<const NoiseInput&>(sample.input).noise;
    sum += static_cast<double>(draw(*network, *sampler, noise, {0, i, 0}, stop_of(path)).evaluations);
  }
  return sum / static_cast<double>(calibration->size());
}

std::unique_ptr<Path> make_path(std::shared_ptr<const Shared> shared, PathOptions options) {
  return std::make_unique<SamplingPath>(std::move(shared), std::move(options));
}

}  // namespace dynexec::diffusion
