// A sample's walk through a network under a hardware model and a governor: what it would have taken there.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "measure/hardware/governor.hpp"
#include "measure/hardware/model.hpp"

namespace dynexec {

// The network's parts: the layers up to each exit from the one before, and the heads; the last entries are the rest of
// the network and its own head.
struct NetworkWork {
  std::vector<Work> layers, heads;  // exits + 1
};

struct ModelledRun {
  double ms = 0, joules = 0;
  double adc_joules = 0;            // of joules
  std::int64_t switches = 0;        // changes of the operating point, the return to the highest included
  std::vector<std::size_t> levels;  // of each segment
};

class WalkModel {
 public:
  WalkModel(HardwareModel model, NetworkWork network);

  const HardwareModel& model() const { return model_; }
  const NetworkWork& network() const { return network_; }
  // A governor over this model's operating points.
  Governor governor(const GovernorOptions& options) const;
  // The plain network at the highest frequency, on an input of the walk's size.
  WorkCost plain(std::span<const WorkSegment> walk) const;

  // The governor chooses a level for the layers between two tests, and the head and forecast behind them run at it. The
  // layers to the first test run at its base level, to which it returns in the end. Where inputs differ in size,
  // the network's parts are scaled to the layers that ran.
  ModelledRun run(std::span<const WorkSegment> walk, const Governor& governor) const;

 private:
  double scale_of(std::span<const WorkSegment> walk) const;
  Work work_of(const WorkSegment& segment, std::size_t first_exit, double scale) const;
  double behind_ms(std::size_t exit, double scale, double predictor_ms) const;

  HardwareModel model_;
  NetworkWork network_;
  WorkCost plain_;
  std::vector<double> behind_layers_ms_, behind_heads_ms_;  // by exit: of everything after its head
};

// Whether the options leave something to calibrate.
bool needs_calibration(const GovernorOptions& options);

// Chooses what the options left open (the reserve of a budget, the level of a constant governor) so that the mean of
// the walks meets the deadline with a one-sided confidence of 95 %, at the least mean energy. walks: of calibration
// inputs, at least one.
void calibrate_governor(Governor& governor, const WalkModel& replay, std::span<const std::vector<WorkSegment>> walks);

}  // namespace dynexec
