#include "experiments/early_exit/shared.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "experiments/early_exit/walk.hpp"

namespace dynexec::early_exit {
namespace {

constexpr std::size_t kHindsightBytes = std::size_t{64} << 20;
constexpr double kStartShare = 0.3;  // of the exits: the published engine starts at layer 6 of 20

std::vector<std::size_t> exits_from(std::size_t first, std::size_t exits) {
  std::vector<std::size_t> list(exits - std::min(first, exits));
  std::iota(list.begin(), list.end(), first);
  return list;
}

std::unique_ptr<Course> course_of(const PathOptions& path, std::size_t exits) {
  if (path.method == Method::predictive) {
    if (path.engine.name == "learnt") return learnt_course(path.plan, path.saving, exits);
    EngineOptions engine = path.engine;
    engine.start_exit = path.start_exit >= 0 ? static_cast<std::size_t>(path.start_exit)
                                             : static_cast<std::size_t>(kStartShare * static_cast<double>(exits));
    return make_engine(engine, exits);
  }
  if (!path.tested.empty()) return listed({path.tested.begin(), path.tested.end()}, exits);
  if (path.placement.kind != Placement::every) return placed_course(path.placement, exits);
  return listed(exits_from(static_cast<std::size_t>(path.start_exit), exits), exits);
}

// How the calibration inputs would go.
struct Replay {
  std::vector<double> histogram;  // of the exits they leave at
  double layer_macs = 0;          // mean, without heads
};

Replay replay(const RecordedExits& recorded, Navigator& navigator) {
  Replay result{.histogram = std::vector<double>(recorded.exits() + 1, 0.0)};
  ReplayedExits network(recorded);
  for (std::size_t i = 0; i < recorded.samples(); ++i) {
    const Walk taken = walk(network, navigator, std::any(i));
    result.histogram[taken.exit] += 1;
    result.layer_macs += recorded.layer_macs_to(taken.exit) / static_cast<double>(recorded.samples());
  }
  return result;
}

// The exit that is nearest to a mean depth.
std::size_t exit_at_depth(const RecordedExits& recorded, double layer_macs) {
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t exit = 0; exit <= recorded.exits(); ++exit) {
    const double off = std::abs(recorded.layer_macs_to(exit) - layer_macs);
    if (off < least) least = off, best = exit;
  }
  return best;
}

}  // namespace

bool learns(const PathOptions& path) {
  if (path.method != Method::early_exit && path.method != Method::predictive) return false;
  return path.rule.name == "gate" || path.rule.name == "logit" || path.placement.kind != Placement::every ||
         path.engine.name == "learnt";
}

std::unique_ptr<Navigator> plain_navigator(const PathOptions& path, std::size_t exits, std::size_t classes) {
  const bool listed = path.method == Method::early_exit && path.placement.kind == Placement::every;
  return along(course_of(path, exits),
               make_rule(path.rule, {.classes = classes, .exits = exits, .may_remember = listed}), path.rule.threshold,
               path.single_jump);
}

PartCosts& Shared::costs() {
  if (costs_) return *costs_;
  for (const PathOptions& path : paths)
    if (path.governor.real) processors->of(path);
  costs_ = std::make_unique<PartCosts>(*network, calibration, calibration_ms);
  return *costs_;
}

const RecordedExits& Shared::recorded() {
  if (!recorded_)
    recorded_ = std::make_unique<RecordedExits>(
        *network, std::span(calibration).first(calibration.size() - kept_for_governors()));
  return *recorded_;
}

const RecordedExits& Shared::recorded_for_governors() {
  if (!recorded_for_governors_)
    recorded_for_governors_ =
        std::make_unique<RecordedExits>(*network, std::span(calibration).last(kept_for_governors()));
  return *recorded_for_governors_;
}

std::size_t Shared::kept_for_governors() const {
  const bool chosen = std::any_of(paths.begin(), paths.end(),
                                  [](const PathOptions& path) { return needs_calibration(path.governor.options); });
  if (!chosen) return 0;
  if (calibration.size() < 2)
    throw Error(ErrorKind::config, "governors are chosen on calibration samples that methods do not learn from",
                "calibration.samples", "set it to 2 or more");
  return std::max<std::size_t>(1, calibration.size() / 3);
}

const WalkModel* Shared::walk_model() {
  if (!walk_model_ && hardware) {
    NetworkWork work = network_work(RecordedExits(*network, std::span(calibration).first(1)), *network);
    double bytes = 0;
    for (const auto* parts : {&work.layers, &work.heads})
      for (const Work& part : *parts) bytes += part.weight_bytes;
    walk_model_ = std::make_unique<WalkModel>(hardware->model(bytes), std::move(work));
  }
  return walk_model_.get();
}

std::shared_ptr<Cpufreq> Processors::of(const PathOptions& path) {
  const std::string& sysfs = path.governor.sysfs;
  if (!held_) {
    held_ = std::make_shared<Cpufreq>(sysfs);
    sysfs_ = sysfs;
  }
  if (sysfs != sysfs_)
    throw Error(ErrorKind::config, "path '" + path.name + "' controls other processors than the paths before it", sysfs,
                "name one sysfs folder for all paths: " + sysfs_);
  return held_;
}

std::span<MultiExit* const> Shared::rows(std::size_t count) {
  if (rows_.empty()) rows_.push_back(network.get());
  while (rows_.size() < count) {
    others_.push_back(network->another());
    rows_.push_back(others_.back().get());
  }
  return std::span(rows_).first(count);
}

double Shared::memory_bytes() const {
  double bytes = network->memory_bytes();
  for (const std::unique_ptr<MultiExit>& other : others_) bytes += other->row_bytes();
  return bytes;
}

std::unique_ptr<Navigator> Shared::navigator(const PathOptions& path) {
  switch (path.method) {
    case Method::full:
      return always(network->exits());
    case Method::oracle: {
      std::vector<Entry> entries;
      for (std::size_t i = 0; i < task->size(); ++i) {
        throw_if_interrupted();
        const Agreeing found = agreeing(task->sample(i));
        entries.push_back({.exit = found.exit, .label = found.label});
      }
      return with_hindsight(std::move(entries));
    }
    case Method::fixed:
      if (path.exit >= 0) return always(static_cast<std::size_t>(path.exit));
      break;
    case Method::random:
      break;
    case Method::early_exit:
    case Method::predictive: {
      std::unique_ptr<Navigator> made = plain_navigator(path, network->exits(), network->classes());
      if (learns(path)) made->fit({.recorded = recorded(), .costs = &costs()});
      return made;
    }
  }
  const auto other =
      std::find_if(paths.begin(), paths.end(), [&](const PathOptions& o) { return o.name == path.like; });
  if (other == paths.end()) throw Error(ErrorKind::internal, "no path named '" + path.like + "'", "", "");
  const Replay taken = replay(recorded(), *navigator(*other));
  return path.method == Method::random ? at_random(taken.histogram)
                                       : always(exit_at_depth(recorded(), taken.layer_macs));
}

const RecordedExits& Shared::hindsight(const Sample& sample) {
  const auto known = hindsight_.find(sample.index);
  if (known != hindsight_.end()) return known->second;
  const std::size_t bytes = (network->exits() + 1) * (network->classes() * sizeof(float) + 2 * sizeof(PartWork));
  if (hindsight_.size() * bytes >= kHindsightBytes) hindsight_.clear();
  return hindsight_.emplace(sample.index, RecordedExits(*network, std::span(&sample.input, 1))).first->second;
}

Shared::Agreeing Shared::agreeing(const Sample& sample) {
  const auto known = agreeing_.find(sample.index);
  if (known != agreeing_.end()) return known->second;
  const RecordedExits& all = hindsight(sample);
  const int label = exit_signals(all.logits(0, all.exits())).label;
  std::size_t exit = 0;
  while (exit_signals(all.logits(0, exit)).label != label) ++exit;
  return agreeing_[sample.index] = {.exit = exit, .label = label};
}

}  // namespace dynexec::early_exit
