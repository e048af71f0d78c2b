#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "models/decoder_state.hpp"

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

}  // namespace

DecoderSession::State::State(std::shared_ptr<const Decoder> owner, const Decoder::Weights& w, std::int64_t positions)
    : decoder(std::move(owner)),
      weights(w),
      config(w.config),
      capacity(checked_capacity(w.config, positions)),
      pass_rows(std::min(kPassRows, capacity)),
      cache(config.layers, config.kv_heads, config.head_dim, capacity, w.formats.cache),
      hidden(pass_rows * config.hidden),
      normed(pass_rows * config.hidden),
      qkv(pass_rows * (config.query_size() + 2 * config.kv_size())),
      attended(pass_rows * config.query_size()),
      inner(pass_rows * config.intermediate),
      logits(config.vocab) {
  if (!config.learned_positions) rope = RopeTable(config, capacity);
}

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

void DecoderSession::State::check_logit_rows(std::int64_t logit_rows, std::int64_t tokens) const {
  if (logit_rows < 0 || logit_rows > tokens) {
    throw Error(ErrorKind::internal, fmt::format("{} rows of logits were asked for {} tokens", logit_rows, tokens), "",
                "");
  }
}

void DecoderSession::State::reserve_logits(std::int64_t rows) {
  if (rows * config.vocab <= logits.size()) return;
  const std::int64_t step = kSkinnyRows / 2;
  logits = AlignedFloats((rows + step - 1) / step * step * config.vocab);
}

// fill(begin, rows) puts the input states of the rows into `hidden`.
template <class Fill>
std::span<const float> DecoderSession::State::run(std::int64_t total, std::int64_t first, std::int64_t begin_layer,
                                                  std::int64_t end_layer, std::int64_t logit_rows, bool keep_hidden,
                                                  Fill fill) {
  check_logit_rows(logit_rows, total);
  reserve_logits(logit_rows);
  cost = PassCost();
  for (std::int64_t begin = 0; begin < total; begin += pass_rows) {
    const std::int64_t rows = std::min(pass_rows, total - begin);
    fill(begin, rows);
    const std::int64_t wanted = std::clamp<std::int64_t>(begin + rows - (total - logit_rows), 0, rows);
    run_layers(rows, first + begin, begin_layer, end_layer, keep_hidden ? rows : wanted);
    if (keep_hidden) {
      std::copy_n(hidden.data(), rows * config.hidden, pending.data() + (first + begin) * config.hidden);
    }
    chunk_logits(begin, rows, total, logit_rows, first);
  }
  return {logits.data(), static_cast<std::size_t>(logit_rows * config.vocab)};
}

DecoderSession::DecoderSession(std::shared_ptr<const Decoder> decoder, std::int64_t capacity) {
  const Decoder::Weights& weights = *decoder->weights_;
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
double DecoderSession::cache_value_bytes() const {
  return static_cast<double>(state_->cache.entry_bytes()) / static_cast<double>(state_->config.head_dim);
}

std::size_t DecoderSession::cache_bytes() const {
  return static_cast<std::size_t>(state_->cache.bytes());
}

double DecoderSession::memory_bytes() const {
  const State& s = *state_;
  std::int64_t floats = s.hidden.size() + s.normed.size() + s.qkv.size() + s.attended.size() + s.inner.size() +
                        s.logits.size() + s.pending.size() + s.rope.size();
  for (const AlignedFloats& scratch : s.scratch) floats += scratch.size();
  return static_cast<double>(s.cache.bytes()) + static_cast<double>(floats) * static_cast<double>(sizeof(float));
}

void DecoderSession::truncate(std::int64_t length) {
  State& s = *state_;
  if (length < 0 || length > s.early_length) {
    throw Error(ErrorKind::internal, fmt::format("cannot roll back to {} of {} positions", length, s.early_length), "",
                "");
  }
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
  const auto embed = [&](std::int64_t begin, std::int64_t rows) {
    for (std::int64_t r = 0; r < rows; ++r) {
      s.weights.embed(tokens[static_cast<std::size_t>(begin + r)], s.length + begin + r,
                      s.hidden.data() + r * s.config.hidden);
    }
  };
  const std::span<const float> logits = s.run(total, s.length, 0, s.config.layers, logit_rows, false, embed);
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
  if (s.pending.size() == 0) s.pending = AlignedFloats(s.capacity * s.config.hidden);
  const auto total = static_cast<std::int64_t>(tokens.size());
  const auto embed = [&](std::int64_t begin, std::int64_t rows) {
    for (std::int64_t r = 0; r < rows; ++r) {
      s.weights.embed(tokens[static_cast<std::size_t>(begin + r)], s.early_length + begin + r,
                      s.hidden.data() + r * s.config.hidden);
    }
  };
  const std::span<const float> logits = s.run(total, s.early_length, 0, exit_layer, logit_rows, true, embed);
  s.exit_layer = exit_layer;
  s.early_length += total;
  return logits;
}

std::span<const float> DecoderSession::forward_rest(std::int64_t exit_layer, std::int64_t logit_rows) {
  State& s = *state_;
  if (s.early_length > s.length && exit_layer != s.exit_layer) {
    throw Error(ErrorKind::internal, "pending positions were computed with another exit layer", "", "");
  }
  const std::int64_t first = s.length;
  const auto take = [&](std::int64_t begin, std::int64_t rows) {
    std::copy_n(s.pending.data() + (first + begin) * s.config.hidden, rows * s.config.hidden, s.hidden.data());
  };
  const std::span<const float> logits =
      s.run(s.early_length - first, first, exit_layer, s.config.layers, logit_rows, false, take);
  s.length = s.early_length;
  return logits;
}

}  // namespace dynexec
