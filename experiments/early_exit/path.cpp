#include "experiments/early_exit/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/error.hpp"
#include "data/image_task.hpp"

namespace dynexec::early_exit {
namespace {

// Runs parts of the network and tells the costs how long they took.
class Stopwatch {
 public:
  Stopwatch(MultiExit& network, PartCosts* costs) : network_(network), costs_(costs) {}

  std::span<const float> logits(std::size_t exit, bool consecutive) {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    network_.run_layers_to(exit);
    const auto middle = Clock::now();
    const std::span<const float> logits = network_.logits(exit);
    if (costs_) {
      if (consecutive) costs_->observe_layers(exit, ms(middle - begin));
      costs_->observe_head(exit, ms(Clock::now() - middle));
    }
    return logits;
  }

 private:
  static double ms(std::chrono::steady_clock::duration elapsed) {
    return std::chrono::duration<double, std::milli>(elapsed).count();
  }
  MultiExit& network_;
  PartCosts* costs_;
};

class ExitPath : public Path {
 public:
  ExitPath(std::shared_ptr<Shared> shared, PathOptions options)
      : shared_(std::move(shared)), options_(std::move(options)) {
    info_.name = options_.name;
    info_.method = options_.method == Method::full         ? "full"
                   : options_.method == Method::early_exit ? "early_exit"
                   : options_.method == Method::fixed      ? "static"
                                                           : "random";
    info_.setting = options_.describe();
    if (options_.method == Method::early_exit) rule_ = make_rule(options_.rule, shared_->network->classes());
  }

  const PathInfo& info() const override { return info_; }
  double tensor_bytes() const override { return shared_->network->memory_bytes(); }

  void prepare() override {
    shared_->costs();
    if (options_.method == Method::random) draw_like();
  }

  std::vector<Outcome> run(std::span<const Sample> samples, std::span<const Streams> streams,
                           const RunRequest& request) override {
    if (samples.size() != 1)
      throw Error(ErrorKind::config, "early exit is measured at batch size 1", "bench.batch_size", "remove batch_size");
    Outcome outcome;
    MultiExit& network = *shared_->network;
    if (options_.method == Method::early_exit) {
      leaving_ = follow_rule(network, options_, *rule_, samples[0].input, &shared_->costs(),
                             request.trace ? &outcome.trace : nullptr);
    } else {
      const std::size_t exit = options_.method == Method::full    ? network.exits()
                               : options_.method == Method::fixed ? static_cast<std::size_t>(options_.exit)
                                                                  : draw(streams[0]);
      network.start(samples[0].input);
      leaving_.exit = exit;
      leaving_.tested.assign(1, exit);
      leaving_.label = exit_signals(network.logits(exit)).label;
    }
    outcome.output = ClassOutput{.label = leaving_.label};
    outcome.cost = network.cost();
    std::vector<Outcome> outcomes;
    outcomes.push_back(std::move(outcome));
    return outcomes;
  }

  std::optional<Mismatch> compare(const Outcome&, const Outcome&) const override { return std::nullopt; }

  void analyse(const Sample& sample, const Streams&, Outcome& outcome) override {
    const PartCosts& costs = shared_->costs();
    outcome.predicted_ms = costs.total_ms(leaving_.exit, leaving_.tested);
    const std::size_t exit = earliest_agreeing(sample);
    outcome.oracle_ms = costs.total_ms(exit, std::vector<std::size_t>{exit});
  }

 private:
  // The oracle: the first exit that gives the whole network's answer, no other head having run.
  std::size_t earliest_agreeing(const Sample& sample) {
    const auto known = agreeing_.find(sample.index);
    if (known != agreeing_.end()) return known->second;
    MultiExit& network = *shared_->network;
    std::vector<int> labels;
    network.start(sample.input);
    for (std::size_t exit = 0; exit <= network.exits(); ++exit)
      labels.push_back(exit_signals(network.logits(exit)).label);
    std::size_t exit = 0;
    while (labels[exit] != labels.back()) ++exit;
    return agreeing_[sample.index] = exit;
  }

  // How often the other path leaves at each exit, on the calibration split.
  void draw_like() {
    MultiExit& network = *shared_->network;
    const auto other = std::find_if(shared_->paths.begin(), shared_->paths.end(),
                                    [&](const PathOptions& path) { return path.name == options_.like; });
    const std::unique_ptr<ExitRule> rule = make_rule(other->rule, network.classes());
    std::vector<double> counts(network.exits() + 1, 0);
    for (const std::any& input : shared_->calibration)
      counts[follow_rule(network, *other, *rule, input, nullptr, nullptr).exit] += 1;
    cumulative_.clear();
    double sum = 0;
    for (const double count : counts) cumulative_.push_back(sum += count);
  }

  std::size_t draw(const Streams& streams) const {
    const double at = streams.stream(Purpose::sampling).uniform() * cumulative_.back();
    return static_cast<std::size_t>(std::upper_bound(cumulative_.begin(), cumulative_.end(), at) - cumulative_.begin());
  }

  std::shared_ptr<Shared> shared_;
  PathOptions options_;
  PathInfo info_;
  std::unique_ptr<ExitRule> rule_;
  Leaving leaving_;                              // of the latest run(), for analyse()
  std::vector<double> cumulative_;               // random: exits' frequencies added up
  std::map<std::size_t, std::size_t> agreeing_;  // by sample
};

}  // namespace

PartCosts& Shared::costs() {
  if (!costs_) costs_ = std::make_unique<PartCosts>(*network, calibration, calibration_ms);
  return *costs_;
}

Leaving follow_rule(MultiExit& network, const PathOptions& options, ExitRule& rule, const std::any& input,
                    PartCosts* observe, std::vector<std::string>* trace) {
  Leaving leaving;
  Stopwatch watch(network, observe);
  network.start(input);
  rule.start();
  const auto test = [&](std::size_t exit) {
    const bool consecutive = leaving.tested.empty() ? exit == 0 : leaving.tested.back() + 1 == exit;
    const ExitSignals signals = exit_signals(watch.logits(exit, consecutive));
    leaving.tested.push_back(exit);
    leaving.exit = exit;
    const double score = exit < network.exits() ? rule.score(exit, signals) : 1;
    const bool leaves = exit == network.exits() || score >= options.rule.threshold;
    leaving.label = exit == network.exits() ? signals.label : rule.label(signals);
    if (trace)
      trace->push_back(fmt::format(R"({{"exit":{},"label":{},"top":{:.6f},"score":{:.6f},"leaves":{}}})", exit,
                                   signals.label, signals.top, score, leaves));
    return leaves;
  };
  if (options.tested.empty()) {
    for (auto exit = static_cast<std::size_t>(options.start_exit); exit < network.exits(); ++exit)
      if (test(exit)) return leaving;
  } else {
    for (const std::int64_t exit : options.tested)
      if (test(static_cast<std::size_t>(exit))) return leaving;
  }
  test(network.exits());
  return leaving;
}

std::unique_ptr<Path> make_path(std::shared_ptr<Shared> shared, PathOptions options) {
  return std::make_unique<ExitPath>(std::move(shared), std::move(options));
}

}  // namespace dynexec::early_exit
