// Everything that the exits of a network say on some inputs, recorded once: policies are fitted and compared on the
// records without running the network again.
#pragma once

#include <any>
#include <span>
#include <vector>

#include "experiments/early_exit/multi_exit.hpp"

namespace dynexec::early_exit {

// What one part of a network costs, as a mean over inputs.
struct PartWork {
  double macs = 0, weight_bytes = 0;
};

class RecordedExits {
 public:
  // Runs all layers and heads on every input.
  RecordedExits(MultiExit& network, std::span<const std::any> inputs);

  std::size_t samples() const { return samples_; }
  std::size_t exits() const { return layers_.size() - 1; }
  std::size_t classes() const { return classes_; }
  // [classes]; exit: up to exits(), the network's own head.
  std::span<const float> logits(std::size_t sample, std::size_t exit) const;
  // The layers to an exit from the one before, and its head; exits(): the rest of the network and its own head.
  const PartWork& layers(std::size_t exit) const { return layers_[exit]; }
  const PartWork& head(std::size_t exit) const { return heads_[exit]; }
  // Of the layers up to an exit, that included.
  double layer_macs_to(std::size_t exit) const;

 private:
  std::size_t samples_ = 0, classes_ = 0;
  std::vector<float> logits_;  // [samples, exits + 1, classes]
  std::vector<PartWork> layers_, heads_;
};

// A network that says again what was recorded: the input is the record's index, a std::size_t. It costs the mean of
// what the network costs. The records must outlive it.
class ReplayedExits : public MultiExit {
 public:
  explicit ReplayedExits(const RecordedExits& recorded) : recorded_(recorded) {}

  std::size_t exits() const override { return recorded_.exits(); }
  std::size_t classes() const override { return recorded_.classes(); }
  double memory_bytes() const override { return 0; }
  void start(const std::any& input) override;
  void run_layers_to(std::size_t exit) override;
  std::span<const float> logits(std::size_t exit) override;
  const Cost& cost() const override { return cost_; }

 private:
  const RecordedExits& recorded_;
  std::size_t sample_ = 0, done_ = 0;
  Cost cost_;
};

}  // namespace dynexec::early_exit
