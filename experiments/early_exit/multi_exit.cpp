#include "experiments/early_exit/multi_exit.hpp"

#include "data/image_task.hpp"

namespace dynexec::early_exit {

MultiExitCnn::MultiExitCnn(std::shared_ptr<const Cnn> network, std::vector<ExitPoint> exits)
    : session_(std::move(network)), exits_(std::move(exits)), logits_(classes()) {}

double MultiExitCnn::memory_bytes() const {
  double bytes = session_.network().weight_bytes() + session_.memory_bytes();
  for (const ExitPoint& exit : exits_) bytes += exit.head->weight_bytes();
  return bytes;
}

void MultiExitCnn::start(const std::any& input) {
  session_.start(std::any_cast<const ImageInput&>(input).pixels);
  cost_ = {};
  cost_.tokens = 1;
}

void MultiExitCnn::run_layers_to(std::size_t exit) {
  const std::vector<CnnUnit>& units = session_.network().units();
  const std::size_t unit = exit < exits_.size() ? exits_[exit].unit : units.size() - 1;
  for (std::size_t u = session_.done(); u <= unit; ++u) {
    cost_.macs += units[u].macs;
    cost_.weight_bytes += units[u].weight_bytes;
  }
  session_.run_to(unit);
}

std::span<const float> MultiExitCnn::logits(std::size_t exit) {
  run_layers_to(exit);
  if (exit == exits_.size()) {
    cost_.macs += session_.network().classifier_macs();
    cost_.weight_bytes += session_.network().classifier_bytes();
    return session_.logits();
  }
  ExitHead& head = *exits_[exit].head;
  cost_.macs += head.macs();
  cost_.weight_bytes += head.weight_bytes();
  head.classify(session_.features(), logits_);
  return logits_;
}

}  // namespace dynexec::early_exit
