#include "experiments/early_exit/multi_exit.hpp"

#include "base/error.hpp"
#include "data/image_task.hpp"
#include "kernels/branch.hpp"

namespace dynexec::early_exit {

std::unique_ptr<MultiExit> MultiExit::another() const {
  throw Error(ErrorKind::config, "networks of this family are measured at batch size 1", "bench.batch_size",
              "remove batch_size");
}

void MultiExit::run_layers_together(std::span<MultiExit* const> rows, std::size_t exit) {
  for (std::size_t to = 0; to <= exit; ++to)
    for (MultiExit* const row : rows) row->run_layers_to(to);
}

MultiExitCnn::MultiExitCnn(std::shared_ptr<const Cnn> network, std::shared_ptr<const std::vector<ExitPoint>> exits)
    : network_(std::move(network)), session_(network_), exits_(std::move(exits)), logits_(classes()) {}

double MultiExitCnn::memory_bytes() const {
  double bytes = network_->weight_bytes() + row_bytes();
  for (const ExitPoint& exit : *exits_) bytes += exit.head->weight_bytes() + exit.head->buffer_bytes();
  return bytes;
}

std::unique_ptr<MultiExit> MultiExitCnn::another() const {
  return std::make_unique<MultiExitCnn>(network_, exits_);
}

void MultiExitCnn::start(const std::any& input) {
  session_.start(std::any_cast<const ImageInput&>(input).pixels);
  cost_ = {};
  cost_.tokens = 1;
}

std::size_t MultiExitCnn::unit_of(std::size_t exit) const {
  return exit < exits_->size() ? (*exits_)[exit].unit : network_->units().size() - 1;
}

void MultiExitCnn::count_layers_to(std::size_t exit, double weight_share) {
  const std::vector<CnnUnit>& units = network_->units();
  for (std::size_t unit = session_.done(); unit <= unit_of(exit); ++unit) {
    cost_.macs += units[unit].macs;
    cost_.weight_bytes += units[unit].weight_bytes * weight_share;
  }
}

void MultiExitCnn::run_layers_to(std::size_t exit) {
  count_layers_to(exit, 1);
  session_.run_to(unit_of(exit));
}

void MultiExitCnn::run_layers_together(std::span<MultiExit* const> rows, std::size_t exit) {
  sessions_.clear();
  for (MultiExit* const row : rows) {
    auto& other = dynamic_cast<MultiExitCnn&>(*row);
    other.count_layers_to(exit, 1 / static_cast<double>(rows.size()));
    sessions_.push_back(&other.session_);
  }
  CnnSession::run_together(sessions_, unit_of(exit));
}

std::span<const float> MultiExitCnn::logits(std::size_t exit) {
  run_layers_to(exit);
  std::span<const float> logits = logits_;
  if (exit == exits_->size()) {
    cost_.macs += network_->classifier_macs();
    cost_.weight_bytes += network_->classifier_bytes();
    logits = session_.logits();
  } else {
    ExitHead& head = *(*exits_)[exit].head;
    cost_.macs += head.macs();
    cost_.weight_bytes += head.weight_bytes();
    head.classify(session_.features(), logits_);
  }
  if (!kernel_branch().all_finite(logits.data(), static_cast<std::int64_t>(logits.size())))
    throw Error(ErrorKind::model, "the logits are not finite", "after " + network_->units()[unit_of(exit)].name,
                "the weights may be damaged; check the checkpoint's sha256");
  return logits;
}

// A convolution is a matrix of (inputs of a pixel) x (channels) that meets every pixel. Where a unit holds two, the
// stem or a shortcut's projection, it stands as one that is as high as both.
std::vector<MatrixShape> MultiExitCnn::matrices(std::size_t exit) const {
  std::vector<MatrixShape> shapes;
  for (std::size_t unit = exit == 0 ? 0 : unit_of(exit - 1) + 1; unit <= unit_of(exit); ++unit) {
    const CnnUnit& layer = network_->units()[unit];
    const double n = static_cast<double>(layer.channels), m = static_cast<double>(layer.size * layer.size);
    if (layer.macs > 0) shapes.push_back({.k = layer.macs / (n * m), .n = n, .m = m});
  }
  return shapes;
}

}  // namespace dynexec::early_exit
