#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "models/decoder_engine.hpp"
#include "models/decoder_weights.hpp"

namespace dynexec {
namespace {

std::int64_t checked_capacity(const DecoderConfig& config, std::int64_t capacity) {
  if (capacity < 1 || capacity > config.max_positions) {
    throw Error(
        ErrorKind::model,
        fmt::format("{} positions were asked for, the model holds from 1 to {}", capacity, config.max_positions),
        "config.json: max_position_embeddings", "shorten the prompt or the number of new tokens");
  }
  return capacity;
}

// One call: positions on their way through layers.
struct Pass {
  std::span<const std::int32_t> tokens;  // empty: from the states that are kept
  std::int64_t total = 0, first = 0, begin_layer = 0, end_layer = 0, logit_rows = 0;
  bool keep = false;
};

}  // namespace

struct DecoderSession::State {
  State(std::shared_ptr<const Decoder> owner, const DecoderWeights& weights, std::int64_t positions);

  void check_tokens(std::span<const std::int32_t> tokens, std::int64_t start) const;
  void check_finite(const DecoderChunk& chunk) const;
  std::span<const float> run(const Pass& pass);

  std::shared_ptr<const Decoder> decoder;
  const DecoderConfig& config;
  std::int64_t capacity, pass_rows;
  std::int64_t length = 0, early_length = 0, exit_layer = 0;
  std::unique_ptr<DecoderEngine> engine;
  PassCost cost;
};

DecoderSession::State::State(std::shared_ptr<const Decoder> owner, const DecoderWeights& weights,
                             std::int64_t positions)
    : decoder(std::move(owner)),
      config(weights.config),
      capacity(checked_capacity(weights.config, positions)),
      pass_rows(std::min(kPassRows, capacity)),
      engine(weights.tensors ? make_tensor_decoder(weights, capacity) : make_kernel_decoder(weights, capacity)) {}

void DecoderSession::State::check_tokens(std::span<const std::int32_t> tokens, std::int64_t start) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= config.vocab) {
      throw Error(ErrorKind::data, fmt::format("token id {} is outside the vocabulary of {}", tokens[i], config.vocab),
                  fmt::format("position {}", start + static_cast<std::int64_t>(i)),
                  "use the tokenizer that belongs to the model");
    }
  }
  const std::int64_t needed = start + static_cast<std::int64_t>(tokens.size());
  if (needed > capacity) {
    throw Error(ErrorKind::data, fmt::format("{} positions are needed, the cache holds {}", needed, capacity), "",
                "shorten the prompt or the number of new tokens");
  }
}

void DecoderSession::State::check_finite(const DecoderChunk& chunk) const {
  const std::int64_t last = chunk.first + chunk.rows - 1;
  for (std::int64_t r = 0; r < chunk.logit_rows; ++r) {
    if (kernel_branch().all_finite(chunk.logits + r * config.vocab, config.vocab)) continue;
    const std::int64_t position = last + 1 - chunk.logit_rows + r;
    throw Error(ErrorKind::model, "the logits are not finite",
                engine->spreads_back() ? fmt::format("positions {} to {}", chunk.first, last)
                                       : fmt::format("position {}", position),
                "the weights may be damaged or overflow in this format; check the checkpoint's sha256");
  }
}

std::span<const float> DecoderSession::State::run(const Pass& pass) {
  if (pass.logit_rows < 0 || pass.logit_rows > pass.total) {
    throw Error(ErrorKind::internal,
                fmt::format("{} rows of logits were asked for {} tokens", pass.logit_rows, pass.total), "", "");
  }
  float* const logits = engine->reserve_logits(pass.logit_rows);
  const std::int64_t unwanted = pass.total - pass.logit_rows;  // rows before the first with logits
  cost = PassCost();
  try {
    for (std::int64_t begin = 0; begin < pass.total; begin += pass_rows) {
      const std::int64_t rows = std::min(pass_rows, pass.total - begin);
      DecoderChunk chunk{.first = pass.first + begin,
                         .rows = rows,
                         .begin_layer = pass.begin_layer,
                         .end_layer = pass.end_layer,
                         .keep = pass.keep,
                         .logit_rows = std::clamp<std::int64_t>(begin + rows - unwanted, 0, rows),
                         .logits = logits + std::max<std::int64_t>(0, begin - unwanted) * config.vocab};
      if (!pass.tokens.empty())
        chunk.tokens = pass.tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(rows));
      engine->run(chunk, cost);
      check_finite(chunk);
    }
  } catch (...) {
    engine->discard(pass.first, pass.first + pass.total, pass.begin_layer, pass.end_layer);
    throw;
  }
  return {logits, static_cast<std::size_t>(pass.logit_rows * config.vocab)};
}

DecoderSession::DecoderSession(std::shared_ptr<const Decoder> decoder, std::int64_t capacity) {
  const DecoderWeights& weights = *decoder->weights_;
  state_ = std::make_unique<State>(std::move(decoder), weights, capacity);
}
DecoderSession::~DecoderSession() = default;
DecoderSession::DecoderSession(DecoderSession&&) noexcept = default;

const Decoder& DecoderSession::decoder() const {
  return *state_->decoder;
}
std::int64_t DecoderSession::capacity() const {
  return state_->capacity;
}
std::int64_t DecoderSession::length() const {
  return state_->length;
}
std::int64_t DecoderSession::early_length() const {
  return state_->early_length;
}
const PassCost& DecoderSession::last_cost() const {
  return state_->cost;
}
std::size_t DecoderSession::cache_bytes() const {
  return static_cast<std::size_t>(state_->engine->cache_bytes());
}
double DecoderSession::cache_value_bytes() const {
  return state_->engine->cache_value_bytes();
}
double DecoderSession::memory_bytes() const {
  return state_->engine->memory_bytes();
}

void DecoderSession::truncate(std::int64_t length) {
  State& s = *state_;
  if (length < 0 || length > s.early_length) {
    throw Error(ErrorKind::internal, fmt::format("cannot roll back to {} of {} positions", length, s.early_length), "",
                "");
  }
  s.engine->discard(length, s.early_length, 0, s.config.layers);
  s.early_length = length;
  s.length = std::min(s.length, length);
}

std::span<const float> DecoderSession::forward(std::span<const std::int32_t> tokens, std::int64_t logit_rows) {
  State& s = *state_;
  if (s.early_length != s.length) {
    throw Error(ErrorKind::internal, "forward was called while early positions are pending", "", "");
  }
  s.check_tokens(tokens, s.length);
  const auto total = static_cast<std::int64_t>(tokens.size());
  const std::span<const float> logits = s.run(
      {.tokens = tokens, .total = total, .first = s.length, .end_layer = s.config.layers, .logit_rows = logit_rows});
  s.length = s.early_length = s.length + total;
  return logits;
}

std::span<const float> DecoderSession::forward_early(std::span<const std::int32_t> tokens, std::int64_t exit_layer,
                                                     std::int64_t logit_rows) {
  State& s = *state_;
  if (exit_layer < 1 || exit_layer >= s.config.layers) {
    throw Error(ErrorKind::model, fmt::format("there is no exit after layer {}", exit_layer), "",
                fmt::format("choose an exit layer from 1 to {}", s.config.layers - 1));
  }
  if (s.early_length > s.length && exit_layer != s.exit_layer) {
    throw Error(ErrorKind::internal, "pending positions were computed with another exit layer", "", "");
  }
  s.check_tokens(tokens, s.early_length);
  const auto total = static_cast<std::int64_t>(tokens.size());
  const std::span<const float> logits = s.run({.tokens = tokens,
                                               .total = total,
                                               .first = s.early_length,
                                               .end_layer = exit_layer,
                                               .logit_rows = logit_rows,
                                               .keep = true});
  s.exit_layer = exit_layer;
  s.early_length += total;
  return logits;
}

std::span<const float> DecoderSession::forward_rest(std::int64_t exit_layer, std::int64_t logit_rows) {
  State& s = *state_;
  if (s.early_length > s.length && exit_layer != s.exit_layer) {
    throw Error(ErrorKind::internal, "pending positions were computed with another exit layer", "", "");
  }
  const std::span<const float> logits = s.run({.total = s.early_length - s.length,
                                               .first = s.length,
                                               .begin_layer = exit_layer,
                                               .end_layer = s.config.layers,
                                               .logit_rows = logit_rows});
  s.length = s.early_length;
  return logits;
}

}  // namespace dynexec
