#include "experiments/early_exit/path.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "experiments/early_exit/walk.hpp"

namespace dynexec::early_exit {
namespace {

class ExitPath : public Path {
 public:
  ExitPath(std::shared_ptr<Shared> shared, PathOptions options)
      : shared_(std::move(shared)), options_(std::move(options)) {
    info_.name = options_.name;
    info_.method = method_name(options_.method);
    info_.setting = options_.describe() + describe(options_.governor);
  }

  const PathInfo& info() const override { return info_; }
  double tensor_bytes() const override { return shared_->memory_bytes(); }

  void prepare() override {
    shared_->costs();
    navigators_.clear();
    navigators_.push_back(shared_->navigator(options_));
    passing_.clear();
    govern();
  }

  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                           const RunRequest& request) override {
    if (pacer_ && samples.size() > 1)
      throw Error(ErrorKind::config, "the frequency follows one input at a time", "bench.batch_size",
                  "remove batch_size, or use control: model");
    begin(samples);
    walks_ = walk({.networks = shared_->rows(samples.size()),
                   .navigators = row_navigators_,
                   .inputs = inputs_,
                   .streams = streams,
                   .observe = pacer_ ? nullptr : &shared_->costs(),  // costs are those of the highest frequency
                   .pacer = pacer_.get()});
    traces_ = request.trace;
    std::vector<Outcome> outcomes(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) outcomes[i] = outcome_of(walks_[i]);
    return outcomes;
  }

  bool rehearses() const override { return true; }
  Outcome rehearse(const Sample& sample, const Streams& streams) override {
    ReplayedExits network(shared_->hindsight(sample));
    Walk taken = walk(network, *navigators_.front(), std::any(std::size_t{0}), streams);
    return outcome_of(taken);
  }

  std::optional<Mismatch> compare(const Outcome&, const Outcome&) const override { return std::nullopt; }

  void analyse(const Sample& sample, const Streams&, Outcome& outcome) override {
    const auto found = std::find(indices_.begin(), indices_.end(), sample.index);
    if (found == indices_.end()) throw Error(ErrorKind::internal, "a sample that did not run is analysed", "", "");
    const Walk& taken = walks_[static_cast<std::size_t>(found - indices_.begin())];
    const PartCosts& costs = shared_->costs();
    // The parts' times are those of a single row.
    if (indices_.size() == 1) {
      std::vector<std::size_t> tested;
      for (const Test& test : taken.tests) tested.push_back(test.exit);
      outcome.predicted_ms = costs.total_ms(taken.exit, tested);
      const std::size_t exit = shared_->agreeing(sample).exit;
      outcome.oracle_ms = costs.total_ms(exit, std::span(&exit, 1));
    } else {
      outcome.exit.compaction_ms = taken.compaction_ms;
    }
    if (governor_) model_energy(*shared_->walk_model(), *governor_, outcome);
    outcome.exit.index = static_cast<std::int64_t>(taken.exit);
    outcome.exit.depth = costs.depth(taken.exit);
    outcome.exit.tested = static_cast<std::int64_t>(taken.tests.size());
    if (options_.method == Method::predictive) outcome.exit.forecasts = outcome.exit.forecast_hits = 0;
    for (const Test& test : taken.tests) {
      std::optional<bool> hit;
      if (test.decision.forecast) {
        hit = holds(*test.decision.forecast, test.exit, sample);
        ++outcome.exit.forecasts;
        outcome.exit.forecast_hits += *hit ? 1 : 0;
      }
      if (traces_) outcome.trace.push_back(trace_line(test, hit));
    }
  }

 private:
  static Outcome outcome_of(Walk& taken) {
    Outcome outcome;
    outcome.output = ClassOutput{.label = taken.label};
    outcome.cost = taken.cost;
    outcome.work = std::move(taken.work);
    return outcome;
  }

  // After the navigator has been fitted: a governor is fitted to where it leads.
  void govern() {
    const WalkModel* model = shared_->walk_model();
    governor_.reset();
    if (model) governor_ = fitted();
    if (options_.governor.real)
      pacer_ = make_pacer(shared_->processors->of(options_), options_.governor.options,
                          governor_ ? &*governor_ : nullptr, model, shared_->costs(), shared_->network->exits());
  }

  Governor fitted() {
    const WalkModel& model = *shared_->walk_model();
    const GovernorOptions& options = options_.governor.options;
    if (!needs_calibration(options)) return model.governor(options);
    return fitted_governor(model, options, shared_->recorded_for_governors(), *navigators_.front());
  }

  void begin(std::span<const Sample> samples) {
    inputs_.clear();
    indices_.clear();
    row_navigators_.clear();
    while (navigators_.size() < samples.size()) navigators_.push_back(navigators_.front()->clone());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      inputs_.push_back(&samples[i].input);
      indices_.push_back(samples[i].index);
      row_navigators_.push_back(navigators_[i].get());
    }
  }

  // Whether an exit behind `exit` passes first where it was forecast to.
  bool holds(const Forecast& forecast, std::size_t exit, const Sample& sample) {
    const std::vector<char>& passes = passing(sample);
    const auto first = std::find(passes.begin() + static_cast<std::ptrdiff_t>(exit) + 1, passes.end(), 1);
    const auto true_exit = static_cast<std::size_t>(first - passes.begin());
    return true_exit == forecast.exit || (forecast.or_later && true_exit > forecast.exit);
  }

  // Of every exit, whether the sample would leave there.
  const std::vector<char>& passing(const Sample& sample) {
    const auto known = passing_.find(sample.index);
    if (known != passing_.end()) return known->second;
    const RecordedExits& all = shared_->hindsight(sample);
    std::vector<char>& passes = passing_[sample.index];
    for (std::size_t exit = 0; exit < all.exits(); ++exit)
      passes.push_back(navigators_.front()->passes(exit, exit_signals(all.logits(0, exit))).value_or(false) ? 1 : 0);
    return passes;
  }

  std::string trace_line(const Test& test, std::optional<bool> hit) const {
    const Decision& decision = test.decision;
    std::string line = fmt::format(R"({{"exit":{},"label":{},"top":{:.6f},"score":{:.6f},"leaves":{})", test.exit,
                                   test.label, test.top, decision.score, decision.leave);
    if (!decision.leave) line += fmt::format(R"(,"next":{})", decision.next);
    if (hit)
      line += fmt::format(R"(,"forecast":{},"or_later":{},"hit":{})", decision.forecast->exit,
                          decision.forecast->or_later, *hit);
    return line + "}";
  }

  std::shared_ptr<Shared> shared_;
  PathOptions options_;
  PathInfo info_;
  std::optional<Governor> governor_;                    // under the config's profile
  std::unique_ptr<Pacer> pacer_;                        // of real processors
  std::vector<std::unique_ptr<Navigator>> navigators_;  // of the rows; the first one was fitted
  // Of the latest run().
  std::vector<Walk> walks_;
  std::vector<std::size_t> indices_;  // of its samples
  std::vector<const std::any*> inputs_;
  std::vector<Navigator*> row_navigators_;
  bool traces_ = false;
  std::map<std::size_t, std::vector<char>> passing_;  // by sample: see passing()
};

}  // namespace

std::unique_ptr<Path> make_path(std::shared_ptr<Shared> shared, PathOptions options) {
  return std::make_unique<ExitPath>(std::move(shared), std::move(options));
}

}  // namespace dynexec::early_exit
