// Time and energy of counted work under a hardware profile.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "measure/hardware/cim.hpp"
#include "measure/hardware/profile.hpp"
#include "measure/work.hpp"

namespace dynexec {

// Something to compute: counted multiply-accumulates and weight bytes, and the matrices behind them where they are
// known (analogue arrays need them; without, one square matrix of the same weights stands in).
struct Work {
  double macs = 0, weight_bytes = 0;
  std::vector<MatrixShape> matrices;
  // Of macs: products of two activations (attention), which no array can hold.
  double dynamic_macs = 0;
  double activation_bytes = 0;  // read from the memory that holds everything (a KV cache)

  Work& operator+=(const Work& other);
};

struct WorkCost {
  double ms = 0, joules = 0;
  double adc_joules = 0;  // of joules
  WorkCost& operator+=(const WorkCost& other) {
    ms += other.ms, joules += other.joules, adc_joules += other.adc_joules;
    return *this;
  }
};

struct HardwareModelOptions {
  std::shared_ptr<const HardwareProfile> profile;
  std::string format;        // one of the profile's
  double counted_bits = 32;  // of a weight in the counted bytes; the profile's format may store it in fewer
  double resident_bytes =
      0;  // counted bytes of all weights: chooses the memory level, or how much of them fits the arrays
};

class HardwareModel {
 public:
  explicit HardwareModel(HardwareModelOptions options);

  // Operating points, ascending; one where the profile has no table. The last is the one that is left untouched.
  std::size_t levels() const { return levels_; }
  std::size_t top() const { return levels_ - 1; }
  double mhz(std::size_t level) const;  // of a profile without a table: 1
  double switch_ms() const { return switch_ms_; }
  double switch_joules() const { return switch_joules_; }

  // Digital, with f a level's frequency, F the highest, V the voltage at f:
  //   t = max(macs / (peak utilisation), on-chip bytes / bandwidth) F / f + memory bytes / bandwidth
  //   E = (P_static + C V^2 f) t + macs e_mac (V / V_max)^2 + bytes e_byte
  // The memory that holds everything has its own clock. Analogue: cim_layer for every matrix, what exceeds the arrays
  // written anew, static power, and the digital unit for what no array can hold.
  WorkCost cost(const Work& work, std::size_t level) const;
  // Work of the digital unit alone (predictors).
  WorkCost digital_cost(const Work& work, std::size_t level) const;

  const HardwareProfile& profile() const { return *options_.profile; }
  // The level that holds the weights.
  const MemoryLevel& weight_memory() const { return *weight_memory_; }
  CimCapacity capacity() const { return capacity_; }

 private:
  WorkCost analogue_cost(const Work& work) const;

  HardwareModelOptions options_;
  const NumberFormat* format_;
  const MemoryLevel* weight_memory_;
  std::size_t levels_;
  double switch_ms_ = 0, switch_joules_ = 0;
  CimCapacity capacity_;
};

}  // namespace dynexec
