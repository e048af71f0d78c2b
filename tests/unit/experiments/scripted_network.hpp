// A network whose exits answer as a script says, and what tests do with it.
#pragma once

#include <any>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "data/image_task.hpp"
#include "experiments/early_exit/shared.hpp"
#include "experiments/early_exit/walk.hpp"

namespace dynexec::fixture {

// Exit e answers from a script: labels and logit heights per input. Layers cost 100 multiply-accumulates, heads 10.
class Scripted : public early_exit::MultiExit {
 public:
  struct Answer {
    int label;
    float height;
  };
  explicit Scripted(std::vector<std::vector<Answer>> inputs) : inputs_(std::move(inputs)) {}

  std::size_t exits() const override { return inputs_.front().size() - 1; }
  std::size_t classes() const override { return 4; }
  double memory_bytes() const override { return 0; }
  void start(const std::any& input) override {
    input_ = static_cast<std::size_t>(std::any_cast<const ImageInput&>(input).label);
    cost_ = {};
    cost_.tokens = 1;
    done_ = 0;
  }
  void run_layers_to(std::size_t exit) override {
    for (; done_ <= exit; ++done_) cost_.macs += 100;
  }
  std::unique_ptr<early_exit::MultiExit> another() const override { return std::make_unique<Scripted>(inputs_); }
  std::span<const float> logits(std::size_t exit) override {
    run_layers_to(exit);
    cost_.macs += 10;
    const Answer answer = inputs_[input_][exit];
    logits_.assign(4, 0);
    logits_[static_cast<std::size_t>(answer.label)] = answer.height;
    return logits_;
  }
  const Cost& cost() const override { return cost_; }

 private:
  std::vector<std::vector<Answer>> inputs_;
  std::size_t input_ = 0, done_ = 0;
  Cost cost_;
  std::vector<float> logits_;
};

inline std::any input(int index) {
  return ImageInput{.pixels = {}, .label = index};
}
inline Sample sample(std::size_t index) {
  return {index, "s", "", input(static_cast<int>(index))};
}

inline Node config_node(const std::string& yaml) {
  return Config::parse(yaml, "test.yaml", {}).root();
}

// The exits whose heads ran.
inline std::vector<std::size_t> tested(const early_exit::Walk& taken) {
  std::vector<std::size_t> exits;
  for (const early_exit::Test& test : taken.tests) exits.push_back(test.exit);
  return exits;
}

}  // namespace dynexec::fixture
