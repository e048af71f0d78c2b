// What a target/drafter pair costs and how well it agrees, measured on the calibration split before anything is timed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "experiments/speculative/decode_loop.hpp"
#include "experiments/speculative/running_costs.hpp"

namespace dynexec::speculative {

struct CalibrationOptions {
  std::int64_t max_length = 16;  // cost table up to max_length + 1 rows
  double budget_ms = 1000;       // a round of each draft length is run in any case, at least kLeastRounds times
  std::uint64_t seed = 0;
};

struct Calibration {
  CostTable costs;
  AcceptanceCurve curve;
  std::int64_t rounds = 0;
};

// Runs the loop on `prompts` with draft lengths 0..max_length in turn, so that drift hits all lengths alike, and takes
// medians. drafter null: decode_ms alone. Throws Error(config) when prompts is empty.
Calibration calibrate(std::shared_ptr<DecoderSession> target, std::unique_ptr<Drafter> drafter,
                      const GenerationOptions& generation, std::span<const std::vector<std::int32_t>> prompts,
                      const CalibrationOptions& options);

// A calibration that several paths share; measured at the first get().
class SharedCalibration {
 public:
  explicit SharedCalibration(std::function<Calibration(std::int64_t max_length)> measure)
      : measure_(std::move(measure)) {}
  const Calibration& get();
  // Costs that follow what the rows of all its paths have shown since.
  RunningCosts& running();
  // A draft longer than this is extrapolated.
  void require_length(std::int64_t length) { max_length_ = std::max(max_length_, length); }
  std::int64_t max_length() const { return max_length_; }

 private:
  std::function<Calibration(std::int64_t)> measure_;
  std::unique_ptr<Calibration> result_;
  std::unique_ptr<RunningCosts> running_;
  std::int64_t max_length_ = 1;
};

}  // namespace dynexec::speculative
