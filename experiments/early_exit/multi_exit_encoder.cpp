#include "experiments/early_exit/multi_exit_encoder.hpp"

#include "data/text_classes.hpp"

namespace dynexec::early_exit {

MultiExitEncoder::MultiExitEncoder(std::shared_ptr<const EncoderParts> parts)
    : parts_(std::move(parts)), session_(parts_->encoder) {}

double MultiExitEncoder::memory_bytes() const {
  double bytes = parts_->encoder->memory_bytes() + session_.memory_bytes();
  for (const EncoderExit& exit : *parts_->exits) bytes += exit.head.weight_bytes();
  return bytes;
}

void MultiExitEncoder::start(const std::any& input) {
  std::vector<std::int32_t> ids = parts_->tokenizer->encode(std::any_cast<const LabelledText&>(input).text, true);
  shorten(ids, static_cast<std::size_t>(parts_->max_tokens));
  session_.start(ids);
  cost_ = {};
  cost_.tokens = 1;
  cost_.prompt_tokens = static_cast<std::int64_t>(ids.size());
}

void MultiExitEncoder::count() {
  cost_.macs = session_.cost().macs;
  cost_.weight_bytes = session_.cost().weight_bytes;
}

void MultiExitEncoder::run_layers_to(std::size_t exit) {
  session_.run_to(exit < exits() ? (*parts_->exits)[exit].layer : parts_->encoder->config().layers - 1);
  count();
}

std::span<const float> MultiExitEncoder::logits(std::size_t exit) {
  run_layers_to(exit);
  const std::span<const float> logits =
      exit < exits() ? session_.classify((*parts_->exits)[exit].head, parts_->mean) : session_.logits();
  count();
  return logits;
}

}  // namespace dynexec::early_exit
