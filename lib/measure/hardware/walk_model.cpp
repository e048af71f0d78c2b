#include "measure/hardware/walk_model.hpp"

#include <algorithm>
#include <cmath>

#include "measure/statistics.hpp"

namespace dynexec {
namespace {

constexpr double kConfidence = 0.95;
constexpr int kReserveSteps = 20;

}  // namespace

WalkModel::WalkModel(HardwareModel model, NetworkWork network)
    : model_(std::move(model)), network_(std::move(network)) {
  const std::size_t parts = network_.layers.size();
  Work layers;
  for (const Work& part : network_.layers) layers += part;
  plain_ = model_.cost(layers, model_.top());
  plain_ += model_.cost(network_.heads.back(), model_.top());
  behind_layers_ms_.assign(parts, 0);
  behind_heads_ms_.assign(parts, 0);
  for (std::size_t exit = parts - 1; exit-- > 0;) {
    behind_layers_ms_[exit] = behind_layers_ms_[exit + 1] + model_.cost(network_.layers[exit + 1], model_.top()).ms;
    behind_heads_ms_[exit] = behind_heads_ms_[exit + 1] + model_.cost(network_.heads[exit + 1], model_.top()).ms;
  }
}

Governor WalkModel::governor(const GovernorOptions& options) const {
  std::vector<double> mhz;
  for (std::size_t level = 0; level < model_.levels(); ++level) mhz.push_back(model_.mhz(level));
  return Governor(options, std::move(mhz), model_.switch_ms());
}

double WalkModel::scale_of(std::span<const WorkSegment> walk) const {
  if (walk.empty()) return 1;
  double macs = 0;
  for (std::size_t exit = 0; exit <= walk[0].exit && exit < network_.layers.size(); ++exit)
    macs += network_.layers[exit].macs;
  return macs > 0 && walk[0].macs > 0 ? walk[0].macs / macs : 1;
}

WorkCost WalkModel::plain(std::span<const WorkSegment> walk) const {
  WorkCost cost = plain_;
  const double scale = scale_of(walk);
  cost.ms *= scale, cost.joules *= scale, cost.adc_joules *= scale;
  return cost;
}

// The segment as counted, with the shapes of the parts that it spans.
Work WalkModel::work_of(const WorkSegment& segment, std::size_t first_exit, double scale) const {
  Work work{.macs = segment.macs, .weight_bytes = segment.weight_bytes};
  const auto add = [&](const Work& part) {
    for (MatrixShape shape : part.matrices) {
      shape.m *= scale;
      work.matrices.push_back(shape);
    }
    work.dynamic_macs += part.dynamic_macs * scale;
    work.activation_bytes += part.activation_bytes * scale;
  };
  if (segment.kind == WorkSegment::Kind::head) {
    if (segment.exit < network_.heads.size()) add(network_.heads[segment.exit]);
  } else if (segment.kind == WorkSegment::Kind::layers) {
    for (std::size_t exit = first_exit; exit <= segment.exit && exit < network_.layers.size(); ++exit)
      add(network_.layers[exit]);
  }
  return work;
}

// At worst every exit behind is tested and forecast from.
double WalkModel::behind_ms(std::size_t exit, double scale, double predictor_ms) const {
  if (exit + 1 >= behind_layers_ms_.size()) return 0;
  const auto forecasts = static_cast<double>(behind_layers_ms_.size() - 1 - exit);
  return scale * behind_layers_ms_[exit] + behind_heads_ms_[exit] + forecasts * predictor_ms;
}

ModelledRun WalkModel::run(std::span<const WorkSegment> walk, const Governor& governor) const {
  ModelledRun run;
  std::size_t level = governor.base_level(), next_exit = 0;
  const double scale = scale_of(walk), plain_ms = plain(walk).ms;
  const auto change = [&](std::size_t to) {
    if (to == level) return;
    level = to;
    ++run.switches;
    run.ms += model_.switch_ms();
    run.joules += model_.switch_joules();
  };
  const auto segment_cost = [&](const WorkSegment& segment, std::size_t at) {
    const Work work = work_of(segment, next_exit, scale);
    return segment.kind == WorkSegment::Kind::predictor ? model_.digital_cost(work, at) : model_.cost(work, at);
  };
  // The head at the layers' end, and the forecast there, should it be needed, still run at the level chosen.
  const auto choose = [&](std::size_t i) {
    std::vector<WorkSegment> jump{walk[i]};
    if (i + 1 < walk.size()) jump.push_back(walk[i + 1]);
    double forecast_ms = 0;
    if (walk[i - 1].kind == WorkSegment::Kind::predictor) {
      jump.push_back(walk[i - 1]);
      forecast_ms = segment_cost(walk[i - 1], model_.top()).ms;
    }
    const auto cost_at = [&](std::size_t at) {
      WorkCost cost;
      for (const WorkSegment& part : jump) cost += segment_cost(part, at);
      cost.joules += model_.switch_joules() * ((at != level ? 1 : 0) + (at != model_.top() ? 1 : 0));
      return cost;
    };
    const auto exits = static_cast<std::int64_t>(network_.layers.size()) - 1;
    return governor.choose({.jump = walk[i].jump,
                            .exits_left = exits - static_cast<std::int64_t>(next_exit),
                            .behind_ms = behind_ms(walk[i].exit, scale, forecast_ms),
                            .left_ms = governor.options().deadline * plain_ms - run.ms,
                            .current = level,
                            .jump_ms = [&](std::size_t at) { return cost_at(at).ms; },
                            .jump_joules = [&](std::size_t at) { return cost_at(at).joules; }});
  };
  for (std::size_t i = 0; i < walk.size(); ++i) {
    const WorkSegment& segment = walk[i];
    if (segment.kind == WorkSegment::Kind::layers) {
      if (next_exit > 0) change(choose(i));
    }
    const WorkCost cost = segment_cost(segment, level);
    run.ms += cost.ms;
    run.joules += cost.joules;
    run.adc_joules += cost.adc_joules;
    run.levels.push_back(level);
    if (segment.kind == WorkSegment::Kind::layers) next_exit = segment.exit + 1;
  }
  change(governor.base_level());
  return run;
}

bool needs_calibration(const GovernorOptions& options) {
  return options.rule == GovernorRule::constant || (options.rule == GovernorRule::budget && !options.reserve);
}

void calibrate_governor(Governor& governor, const WalkModel& replay, std::span<const std::vector<WorkSegment>> walks) {
  if (!needs_calibration(governor.options())) return;
  const bool chooses_reserve = governor.options().rule == GovernorRule::budget;
  const double z = normal_quantile(kConfidence);
  // What the plain network would take for the same inputs.
  std::vector<double> deadlines;
  for (const auto& walk : walks) deadlines.push_back(governor.options().deadline * replay.plain(walk).ms);

  struct Trial {
    bool meets = false;
    double joules = 0;
  };
  const auto attempt = [&](const Governor& candidate) {
    const double n = static_cast<double>(walks.size());
    double late = 0, squares = 0, joules = 0;
    for (std::size_t i = 0; i < walks.size(); ++i) {
      const ModelledRun run = replay.run(walks[i], candidate);
      const double over = run.ms - deadlines[i];
      late += over / n;
      squares += over * over / n;
      joules += run.joules / n;
    }
    const double spread = std::sqrt(std::max(0.0, squares - late * late) / n);
    return Trial{late + z * spread <= 0, joules};
  };

  const std::size_t choices = chooses_reserve ? kReserveSteps + 1 : governor.top() + 1;
  // The last choice (a full reserve, the highest level) is taken where none meets the deadline.
  Governor best = governor;
  double best_joules = 0;
  bool found = false;
  for (std::size_t i = choices; i-- > 0;) {
    Governor candidate = governor;
    if (chooses_reserve)
      candidate.set_reserve(static_cast<double>(i) / kReserveSteps);
    else
      candidate.set_base_level(i);
    const Trial trial = attempt(candidate);
    if (i + 1 == choices) best = candidate, best_joules = trial.joules;
    if (!trial.meets || (found && trial.joules >= best_joules)) continue;
    best = candidate, best_joules = trial.joules, found = true;
  }
  governor = best;
}

}  // namespace dynexec
