#include "experiments/early_exit/part_costs.hpp"

#include <chrono>

#include "measure/statistics.hpp"

namespace dynexec::early_exit {
namespace {

constexpr double kInterrupted = 3;  // times the usual cost
constexpr double kMemory = 0.95;    // of the moving average

}  // namespace

PartCosts::PartCosts(MultiExit& network, std::span<const std::any> inputs, double budget_ms) {
  using Clock = std::chrono::steady_clock;
  const std::size_t parts = network.exits() + 1;
  std::vector<std::vector<double>> layers(parts), heads(parts);
  const auto ms = [](Clock::duration elapsed) { return std::chrono::duration<double, std::milli>(elapsed).count(); };
  macs_to_.assign(parts, 0.0);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < 3 || (i < 10 * inputs.size() && ms(Clock::now() - start) < budget_ms); ++i) {
    network.start(inputs[i % inputs.size()]);
    double layer_macs = 0;
    for (std::size_t exit = 0; exit < parts; ++exit) {
      const double before = network.cost().macs;
      const auto begin = Clock::now();
      network.run_layers_to(exit);
      const auto middle = Clock::now();
      macs_to_[exit] += layer_macs += network.cost().macs - before;
      network.logits(exit);
      layers[exit].push_back(ms(middle - begin));
      heads[exit].push_back(ms(Clock::now() - middle));
    }
  }
  for (std::size_t exit = 0; exit < parts; ++exit) {
    layers_.push_back(median_of(layers[exit]));
    heads_.push_back(median_of(heads[exit]));
  }
}

void PartCosts::observe(double& cost, double ms) {
  if (ms < kInterrupted * cost) cost = kMemory * cost + (1 - kMemory) * ms;
}

double PartCosts::total_ms(std::size_t exit, std::span<const std::size_t> tested) const {
  double total = 0;
  for (std::size_t i = 0; i <= exit; ++i) total += layers_[i];
  for (const std::size_t i : tested) total += heads_[i];
  return total;
}

}  // namespace dynexec::early_exit
