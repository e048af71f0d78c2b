// What a hardware profile and a governor make of a multi-exit network's walks: in the model, and on the real
// processors.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "experiments/early_exit/multi_exit.hpp"
#include "experiments/early_exit/navigator.hpp"
#include "experiments/early_exit/part_costs.hpp"
#include "experiments/early_exit/recorded.hpp"
#include "experiments/modelled_energy.hpp"
#include "measure/hardware/cpufreq.hpp"

namespace dynexec::early_exit {

// The parts of a network that was recorded, with the shapes of their matrices where the network knows them.
NetworkWork network_work(const RecordedExits& recorded, const MultiExit& network);

// A governor over the model's operating points, what its options leave open chosen on the recorded inputs, which
// the navigator should not have learnt from.
Governor fitted_governor(const WalkModel& model, const GovernorOptions& options, const RecordedExits& recorded,
                         Navigator& navigator);

// Sets the processors' frequency while one input is on its way. Times are the measured costs of the parts, taken at the
// highest frequency.
class Pacer {
 public:
  // governor: over the processors' levels.
  Pacer(std::shared_ptr<Cpufreq> processors, Governor governor, const PartCosts& costs, std::size_t exits);

  // At the level of work without a forecast.
  void start();
  // Before the layers from exit `at`, which was tested, to `exit`.
  void before_jump(std::size_t at, std::size_t exit);
  // Back to the highest level, which the paths without a pacer run at.
  void finish();

 private:
  double elapsed_ms() const;

  std::shared_ptr<Cpufreq> processors_;
  Governor governor_;
  const PartCosts& costs_;
  std::size_t exits_;
  double plain_ms_ = 0;
  std::chrono::steady_clock::time_point start_;
};

// fitted: where a profile has chosen the reserve or the level; else null.
std::unique_ptr<Pacer> make_pacer(const std::shared_ptr<Cpufreq>& processors, const GovernorOptions& options,
                                  const Governor* fitted, const WalkModel* model, const PartCosts& costs,
                                  std::size_t exits);

}  // namespace dynexec::early_exit
