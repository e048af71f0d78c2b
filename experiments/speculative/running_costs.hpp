// Costs of rounds as they are while the rows are measured: a shared or heating machine drifts away from its
// calibration.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "experiments/speculative/decode_loop.hpp"

namespace dynexec::speculative {

class RunningCosts {
 public:
  explicit RunningCosts(CostTable calibrated);

  // The rounds of one sequence, in order.
  void add(std::span<const Round> rounds);
  // Means over the latest rounds of every draft length, rounds that something interrupted left out. A length that has
  // not come up is scaled like its neighbours, and everything that nothing has come up for stays as calibrated.
  CostTable table() const;

 private:
  // The latest values of a quantity, relative to its calibrated value.
  class Recent {
   public:
    void add(double factor);
    bool empty() const { return count_ == 0; }
    // Without those over kInterrupted times the median.
    double mean() const;

   private:
    static constexpr std::size_t kKept = 64;
    static constexpr double kInterrupted = 3;
    std::array<double, kKept> values_{};
    std::size_t count_ = 0;  // ever added
  };

  CostTable calibrated_;
  std::vector<Recent> verify_;  // by draft length
  Recent draft_, draft_prefill_;
};

}  // namespace dynexec::speculative
