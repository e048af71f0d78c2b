#include "experiments/diffusion/step_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "experiments/diffusion/path.hpp"
#include "experiments/diffusion/step_forecaster.hpp"

namespace dynexec::diffusion {
namespace {

class Constant : public StepRule {
 public:
  explicit Constant(std::int64_t steps) : steps_(steps) {}
  Forecast forecast(const Sample&) const override { return {.steps = steps_}; }

 private:
  std::int64_t steps_;
};

// As much work as another path's in the mean of the calibration samples, whatever the sample: two neighbouring counts,
// dealt out by the sample's number alone in the shares that make up that mean.
class SameWork : public StepRule {
 public:
  SameWork(std::shared_ptr<const Shared> shared, PathOptions options)
      : shared_(std::move(shared)), options_(std::move(options)) {}

  void prepare() override {
    const auto other = std::find_if(shared_->paths.begin(), shared_->paths.end(),
                                    [&](const PathOptions& o) { return o.name == options_.like; });
    const double wanted = shared_->mean_macs(*other);
    const std::int64_t most = most_steps();
    few_ = 1;
    many_ = 1;
    while (macs_of(many_) < wanted) {
      if (many_ == most)
        options_.node.at("like").fail(fmt::format("works more than this path with all of {} steps does", most),
                                      "name a path that works less, or leave savings out of this one");
      few_ = many_;
      many_ = std::min(2 * many_, most);
    }
    while (many_ - few_ > 1) {
      const std::int64_t middle = (few_ + many_) / 2;
      (macs_of(middle) < wanted ? few_ : many_) = middle;
    }
    // A count that leaves noise in its pictures would be a straw man where a neighbour leaves none.
    few_ = nearest_clean(few_, -1, most);
    many_ = nearest_clean(many_, 1, most);
    const double low = macs_of(few_), high = macs_of(many_);
    share_ = high > low ? std::clamp((wanted - low) / (high - low), 0.0, 1.0) : 1;
  }

  // Multiples of the golden ratio fill the unit interval evenly from the first on.
  Forecast forecast(const Sample& sample) const override {
    double whole = 0;
    const double place = std::modf((static_cast<double>(sample.index) + 0.5) * std::numbers::phi, &whole);
    return {.steps = place < share_ ? many_ : few_};
  }

 private:
  double macs_of(std::int64_t steps) const {
    const DrawInput input = draw_input(shared_->calibration->sample(0), {});
    const auto sampler = make_sampler(options_.sampler_of(steps));
    return draw(shared_->model_of(options_), *sampler, {&input, 1}, options_.draw).front().cost.macs;
  }

  // That the noise schedule allows this sampler.
  std::int64_t most_steps() const {
    for (std::int64_t steps = options_.sampler.noise.train_steps; steps > 1; --steps) try {
        (void)make_sampler(options_.sampler_of(steps));
        return steps;
      } catch (const Error&) {
        continue;
      }
    return 1;
  }

  // `steps` itself where there is none.
  std::int64_t nearest_clean(std::int64_t steps, std::int64_t direction, std::int64_t most) const {
    for (std::int64_t count = steps; count >= 1 && count <= most; count += direction)
      if (make_sampler(options_.sampler_of(count))->ends_clean()) return count;
    return steps;
  }

  std::shared_ptr<const Shared> shared_;
  PathOptions options_;
  std::int64_t few_ = 1, many_ = 1;
  double share_ = 1;  // of samples that get `many_`
};

const std::string& text_of(const Sample& sample) {
  return std::any_cast<const PictureInput&>(sample.input).prompt.text;
}

class Predicted : public StepRule {
 public:
  explicit Predicted(std::shared_ptr<StepForecaster> forecaster) : forecaster_(std::move(forecaster)) {}
  Forecast forecast(const Sample& sample) const override {
    const StepPrediction found = forecaster_->forecast(text_of(sample));
    return {.steps = found.steps, .macs = found.cost.macs, .weight_bytes = found.cost.weight_bytes};
  }

 private:
  std::shared_ptr<StepForecaster> forecaster_;
};

class ByLength : public StepRule {
 public:
  explicit ByLength(std::shared_ptr<StepForecaster> forecaster) : forecaster_(std::move(forecaster)) {}
  Forecast forecast(const Sample& sample) const override { return {.steps = forecaster_->by_length(text_of(sample))}; }

 private:
  std::shared_ptr<StepForecaster> forecaster_;
};

// The same forecasts at the same cost, each for another picture: what is left when they say nothing about theirs.
class Shuffled : public StepRule {
 public:
  Shuffled(std::shared_ptr<const Shared> shared, std::shared_ptr<StepForecaster> forecaster)
      : shared_(std::move(shared)), rule_(std::move(forecaster)) {}

  void prepare() override {
    std::vector<std::string> ids;
    std::vector<std::int64_t> steps;
    for (std::size_t i = 0; i < shared_->measured->size(); ++i) {
      const Sample sample = shared_->measured->sample(i);
      ids.push_back(sample.id);
      steps.push_back(rule_.forecast(sample).steps);
    }
    // A shift in a random order leaves none of several forecasts where it was.
    std::vector<std::size_t> order(ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    RandomStream random(0, ids.size(), 0, static_cast<std::uint32_t>(Purpose::order));
    random.shuffle(order);
    for (std::size_t i = 0; i < order.size(); ++i) steps_[ids[order[i]]] = steps[order[(i + 1) % order.size()]];
  }

  Forecast forecast(const Sample& sample) const override {
    Forecast forecast = rule_.forecast(sample);
    forecast.steps = steps_.at(sample.id);
    return forecast;
  }

 private:
  std::shared_ptr<const Shared> shared_;
  Predicted rule_;
  std::map<std::string, std::int64_t> steps_;  // by sample id
};

// In hindsight the fewest steps whose picture is like the reference or, with a price, those that are worth it most.
class Oracle : public StepRule {
 public:
  Oracle(std::shared_ptr<const Shared> shared, PathOptions options)
      : shared_(std::move(shared)), options_(std::move(options)) {}

  void prepare() override {
    for (std::size_t i = 0; i < shared_->measured->size(); ++i) {
      const Sample sample = shared_->measured->sample(i);
      chosen_[sample.id] = options_.price > 0 ? worthwhile(sample, i) : fewest(sample, i);
    }
  }

  Forecast forecast(const Sample& sample) const override { return {.steps = chosen_.at(sample.id)}; }

 private:
  double quality_of(const Sample& sample, std::uint64_t index, std::int64_t steps) const {
    throw_if_interrupted();
    const DrawInput input = draw_input(sample, {0, index, 0});
    const auto sampler = make_sampler(options_.sampler_of(steps));
    std::vector<Drawing> drawn;
    try {
      drawn = draw(shared_->model_of(options_), *sampler, {&input, 1}, options_.draw);
    } catch (const Error& error) {
      // A count at which nothing but noise comes out never suffices; the run goes on.
      if (error.kind() != ErrorKind::model) throw;
      return -std::numeric_limits<double>::infinity();
    }
    if (options_.by_attributes) return *shared_->pictures->shown(sample, drawn.front().pixels);
    return shared_->pictures->similarity(drawn.front().pixels, shared_->pictures->reference(sample));
  }

  std::int64_t fewest(const Sample& sample, std::uint64_t index) const {
    for (const std::int64_t steps : options_.steps)
      if (quality_of(sample, index, steps) >= options_.similarity) return steps;
    return options_.steps.back();
  }

  std::int64_t worthwhile(const Sample& sample, std::uint64_t index) const {
    std::vector<double> quality;
    for (const std::int64_t steps : options_.steps) quality.push_back(quality_of(sample, index, steps));
    return worthwhile_steps(options_.steps, quality, options_.price);
  }

  std::shared_ptr<const Shared> shared_;
  PathOptions options_;
  std::map<std::string, std::int64_t> chosen_;  // by sample id
};

}  // namespace

std::unique_ptr<StepRule> make_step_rule(const std::shared_ptr<const Shared>& shared, const PathOptions& options) {
  const auto forecaster = [&] { return shared->forecasters.at(options.predictor); };
  switch (options.method) {
    case Method::oracle:
      return std::make_unique<Oracle>(shared, options);
    case Method::predicted:
      return std::make_unique<Predicted>(forecaster());
    case Method::length:
      return std::make_unique<ByLength>(forecaster());
    case Method::shuffled:
      return std::make_unique<Shuffled>(shared, forecaster());
    default:
      if (!options.like.empty()) return std::make_unique<SameWork>(shared, options);
      return std::make_unique<Constant>(options.sampler.steps);
  }
}

}  // namespace dynexec::diffusion
