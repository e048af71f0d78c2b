#include "experiments/early_exit/recorded.hpp"

#include "base/interrupt.hpp"

namespace dynexec::early_exit {
namespace {

// Adds what `cost` has grown by since `before`, as a share of the mean.
void add_growth(const Cost& cost, Cost& before, double share, PartWork& part) {
  part.macs += (cost.macs - before.macs) * share;
  part.weight_bytes += (cost.weight_bytes - before.weight_bytes) * share;
  before = cost;
}

void add(const PartWork& part, Cost& cost) {
  cost.macs += part.macs;
  cost.weight_bytes += part.weight_bytes;
}

}  // namespace

RecordedExits::RecordedExits(MultiExit& network, std::span<const std::any> inputs)
    : samples_(inputs.size()), classes_(network.classes()), layers_(network.exits() + 1), heads_(network.exits() + 1) {
  logits_.reserve(samples_ * layers_.size() * classes_);
  const double share = 1 / static_cast<double>(samples_);
  for (const std::any& input : inputs) {
    throw_if_interrupted();
    network.start(input);
    Cost before;
    for (std::size_t exit = 0; exit < layers_.size(); ++exit) {
      network.run_layers_to(exit);
      add_growth(network.cost(), before, share, layers_[exit]);
      const std::span<const float> logits = network.logits(exit);
      logits_.insert(logits_.end(), logits.begin(), logits.end());
      add_growth(network.cost(), before, share, heads_[exit]);
    }
  }
}

std::span<const float> RecordedExits::logits(std::size_t sample, std::size_t exit) const {
  return std::span(logits_).subspan((sample * layers_.size() + exit) * classes_, classes_);
}

double RecordedExits::layer_macs_to(std::size_t exit) const {
  double macs = 0;
  for (std::size_t i = 0; i <= exit; ++i) macs += layers_[i].macs;
  return macs;
}

void ReplayedExits::start(const std::any& input) {
  sample_ = std::any_cast<std::size_t>(input);
  done_ = 0;
  cost_ = {};
  cost_.tokens = 1;
}

void ReplayedExits::run_layers_to(std::size_t exit) {
  for (; done_ <= exit; ++done_) add(recorded_.layers(done_), cost_);
}

std::span<const float> ReplayedExits::logits(std::size_t exit) {
  run_layers_to(exit);
  add(recorded_.head(exit), cost_);
  return recorded_.logits(sample_, exit);
}

}  // namespace dynexec::early_exit
