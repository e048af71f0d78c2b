#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "kernels/attention.hpp"
#include "kernels/thread_pool.hpp"
#include "models/decoder_weights.hpp"
#include "models/rope.hpp"

namespace dynexec {
namespace {

// Multiply-adds of attention, and values to normalise, below which waking another thread costs more than it
// saves.
constexpr double kSerialAttentionMacs = 64 * 1024;
constexpr std::int64_t kSerialNormValues = 32 * 1024;

std::int64_t checked_capacity(const DecoderConfig& config, std::int64_t capacity) {
  if (capacity < 1 || capacity > config.max_positions) {
    throw Error(ErrorKind::model,
                fmt::format("{} positions were asked for, the model holds from 1 to {}", capacity,
                            config.max_positions),
                "config.json: max_position_embeddings", "shorten the prompt or the number of new tokens");
  }
  return capacity;
}

}  // namespace

struct DecoderSession::State {
  State(std::shared_ptr<const Decoder> owner, const Decoder::Weights& w, std::int64_t positions)
      : decoder(std::move(owner)),
        weights(w),
        config(w.config),
        capacity(checked_capacity(w.config, positions)),
        pass_rows(std::min(kPassRows, capacity)),
        cache(config.layers, config.kv_heads, config.head_dim, capacity),
        hidden(pass_rows * config.hidden),
        normed(pass_rows * config.hidden),
        qkv(pass_rows * (config.query_size() + 2 * config.kv_size())),
        attended(pass_rows * config.query_size()),
        inner(pass_rows * config.intermediate),
        logits(config.vocab) {
    if (!config.learned_positions) rope = RopeTable(config, capacity);
  }

  // `rows` tokens in `hidden` at positions first .. through layers [begin, end). Only the last `wanted` of them
  // have their states after the last of these layers computed; the others leave their keys and values there.
  void run_layers(std::int64_t rows, std::int64_t first, std::int64_t begin, std::int64_t end,
                  std::int64_t wanted);
  void norm_rows(const NormWeights& norm, const float* in, float* out, std::int64_t rows);
  void norm_row(const NormWeights& norm, const float* in, std::int64_t size, float* out) const;
  // Writes the keys and values of `rows` positions; the last `queries` of them attend.
  void attention(std::int64_t layer, std::int64_t rows, std::int64_t first, std::int64_t queries);
  // Rotates the new queries of a key/value head's group and writes its keys and values to the cache.
  void prepare_head(std::int64_t layer, std::int64_t kv_head, std::int64_t rows, std::int64_t first);
  // Queries of the rows [begin, rows), the first of all rows being position `first`.
  void attend_heads(std::int64_t layer, std::int64_t first_head, std::int64_t heads, std::int64_t begin,
                    std::int64_t rows, std::int64_t first, int thread);

  void check_tokens(std::span<const std::int32_t> tokens, std::int64_t start) const;
  void check_logit_rows(std::int64_t logit_rows, std::int64_t tokens) const;
  void reserve_logits(std::int64_t rows);
  // The final norm and head for the rows of a chunk that are among the last `wanted` of `total`.
  void chunk_logits(std::int64_t chunk_begin, std::int64_t rows, std::int64_t total, std::int64_t wanted,
                    std::int64_t first_position);
  template <class Fill>
  std::span<const float> run(std::int64_t total, std::int64_t first, std::int64_t begin_layer,
                             std::int64_t end_layer, std::int64_t logit_rows, bool keep_hidden, Fill fill);

  std::shared_ptr<const Decoder> decoder;
  const Decoder::Weights& weights;
  const DecoderConfig& config;
  std::int64_t capacity, pass_rows;
  std::int64_t length = 0, early_length = 0, exit_layer = 0;
  KvCache cache;
  RopeTable rope;
  AlignedFloats hidden, normed, qkv, attended, inner, logits;
  std::vector<AlignedFloats> scratch;  // of attention, one for each thread of the pool
  // [capacity, hidden]: states after exit_layer of the positions from length to early_length
  AlignedFloats pending;
  PassCost cost;
};

void DecoderSession::State::norm_row(const NormWeights& norm, const float* in, std::int64_t size,
                                     float* out) const {
  const auto eps = static_cast<float>(config.norm_eps);
  if (norm.bias.size() > 0) {
    kernel_branch().layer_norm(in, norm.weight.data(), norm.bias.data(), size, eps, out);
  } else {
    kernel_branch().rms_norm(in, norm.weight.data(), size, eps, out);
  }
}

void DecoderSession::State::norm_rows(const NormWeights& norm, const float* in, float* out,
                                      std::int64_t rows) {
  const std::int64_t width = config.hidden;
  const std::int64_t grain = std::max<std::int64_t>(1, kSerialNormValues / width);
  compute_pool().split(rows, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) norm_row(norm, in + r * width, width, out + r * width);
  });
}

void DecoderSession::State::prepare_head(std::int64_t layer, std::int64_t kv_head, std::int64_t rows,
                                         std::int64_t first) {
  const std::int64_t dim = config.head_dim, group = config.heads / config.kv_heads;
  const std::int64_t stride = config.query_size() + 2 * config.kv_size();
  const LayerWeights& w = weights.layers[static_cast<std::size_t>(layer)];
  const bool rotate = rope.half() > 0 && config.rope_layer[static_cast<std::size_t>(layer)];
  const KernelBranch& kernels = kernel_branch();
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = qkv.data() + r * stride;
    float* key = row + config.query_size() + kv_head * dim;
    const float* value = row + config.query_size() + config.kv_size() + kv_head * dim;
    const std::int64_t position = first + r;
    for (std::int64_t h = 0; h < group; ++h) {
      float* query = row + (kv_head * group + h) * dim;
      if (config.qk_norm) norm_row(w.query_norm, query, dim, query);
      if (rotate) kernels.rotate_half(query, rope.cosine(position), rope.sine(position), rope.half());
    }
    if (config.qk_norm) norm_row(w.key_norm, key, dim, key);
    if (rotate) kernels.rotate_half(key, rope.cosine(position), rope.sine(position), rope.half());
    cache.write(layer, kv_head, position, key, value);
  }
}

void DecoderSession::State::attend_heads(std::int64_t layer, std::int64_t first_head, std::int64_t heads,
                                         std::int64_t begin, std::int64_t rows, std::int64_t first,
                                         int thread) {
  const std::int64_t dim = config.head_dim;
  AttentionRows request;
  request.query_stride = config.query_size() + 2 * config.kv_size();
  request.query = qkv.data() + begin * request.query_stride + first_head * dim;
  request.out_stride = config.query_size();
  request.out = attended.data() + begin * request.out_stride + first_head * dim;
  request.rows = rows - begin;
  request.heads = heads;
  request.first = first + begin;
  request.window = config.window[static_cast<std::size_t>(layer)];
  request.scale = 1.0f / std::sqrt(static_cast<float>(dim));
  attend(cache, layer, first_head / (config.heads / config.kv_heads), request,
         scratch[static_cast<std::size_t>(thread)].data());
}

void DecoderSession::State::attention(std::int64_t layer, std::int64_t rows, std::int64_t first,
                                      std::int64_t queries) {
  const std::int64_t group = config.heads / config.kv_heads, skipped = rows - queries;
  if (queries == 0) {
    for (std::int64_t h = 0; h < config.kv_heads; ++h) prepare_head(layer, h, rows, first);
    return;
  }
  const std::int64_t positions =
      attended_positions(first + skipped, queries, config.window[static_cast<std::size_t>(layer)]);
  const double macs =
      2.0 * static_cast<double>(queries * config.query_size()) * static_cast<double>(positions);
  ThreadPool& pool = compute_pool();
  while (static_cast<int>(scratch.size()) < pool.threads())
    scratch.emplace_back(attention_scratch(cache, group));
  if (macs < kSerialAttentionMacs || pool.threads() == 1 || config.kv_heads % pool.threads() == 0) {
    const std::int64_t grain = macs < kSerialAttentionMacs ? config.kv_heads : 1;
    pool.split(config.kv_heads, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t h = begin; h < end; ++h) {
        prepare_head(layer, h, rows, first);
        attend_heads(layer, h * group, group, skipped, rows, first, thread);
      }
    });
    return;
  }
  // Few key/value heads: their groups are divided among the threads, once every new key is in the cache.
  for (std::int64_t h = 0; h < config.kv_heads; ++h) prepare_head(layer, h, rows, first);
  const std::int64_t parts = std::min<std::int64_t>(group, pool.threads());
  pool.split(config.kv_heads * parts, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t part = i % parts;
      const std::int64_t from = group * part / parts, to = group * (part + 1) / parts;
      attend_heads(layer, i / parts * group + from, to - from, skipped, rows, first, thread);
    }
  });
}

void DecoderSession::State::run_layers(std::int64_t rows, std::int64_t first, std::int64_t begin,
                                       std::int64_t end, std::int64_t wanted) {
  const double entry = 2.0 * static_cast<double>(config.kv_size()) * sizeof(float);
  for (std::int64_t l = begin; l < end; ++l) {
    const LayerWeights& w = weights.layers[static_cast<std::size_t>(l)];
    const std::int64_t queries = l + 1 < end ? rows : wanted, skipped = rows - queries;
    norm_rows(w.attention_norm, hidden.data(), normed.data(), rows);
    w.qkv->forward(normed.data(), qkv.data(), rows);
    attention(l, rows, first, queries);
    cost.macs += static_cast<double>(rows) * w.qkv->macs_per_row();
    cost.kv_bytes += entry * static_cast<double>(rows);
    if (queries == 0) {
      cost.weight_bytes += static_cast<double>(w.qkv->weight_bytes());
      continue;
    }
    float* states = hidden.data() + skipped * config.hidden;
    w.out->forward_add(attended.data() + skipped * config.query_size(), states, queries);
    norm_rows(w.mlp_norm, states, normed.data(), queries);
    w.mlp_in->forward(normed.data(), inner.data(), queries);
    w.mlp_out->forward_add(inner.data(), states, queries);

    const std::int64_t window = config.window[static_cast<std::size_t>(l)];
    double pairs = 0;  // (query, key) pairs of one head
    for (std::int64_t r = skipped; r < rows; ++r)
      pairs += static_cast<double>(attended_positions(first + r, 1, window));
    cost.macs += static_cast<double>(queries) * (w.macs_per_row() - w.qkv->macs_per_row()) +
                 2 * pairs * static_cast<double>(config.query_size());
    cost.weight_bytes += w.weight_bytes();
    cost.kv_bytes += entry * static_cast<double>(attended_positions(first + skipped, queries, window));
  }
}

void DecoderSession::State::check_tokens(std::span<const std::int32_t> tokens, std::int64_t start) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= config.vocab) {
      throw Error(ErrorKind::data,
                  fmt::format("token id {} is outside the vocabulary of {}", tokens[i], config.vocab),
                  fmt::format("position {}", start + static_cast<std::int64_t>(i)),
                  "use the tokenizer that belongs to the model");
    }
  }
  const std::int64_t needed = start + static_cast<std::int64_t>(tokens.size());
  if (needed > capacity) {
    throw Error(ErrorKind::data, fmt::format("{} positions are needed, the cache holds {}", needed, capacity),
                "", "shorten the prompt or the number of new tokens");
  }
}

void DecoderSession::State::check_logit_rows(std::int64_t logit_rows, std::int64_t tokens) const {
  if (logit_rows < 0 || logit_rows > tokens) {
    throw Error(ErrorKind::internal,
                fmt::format("{} rows of logits were asked for {} tokens", logit_rows, tokens), "", "");
  }
}

void DecoderSession::State::reserve_logits(std::int64_t rows) {
  if (rows * config.vocab <= logits.size()) return;
  const std::int64_t step = kSkinnyRows / 2;
  logits = AlignedFloats((rows + step - 1) / step * step * config.vocab);
}

void DecoderSession::State::chunk_logits(std::int64_t chunk_begin, std::int64_t rows, std::int64_t total,
                                         std::int64_t wanted, std::int64_t first_position) {
  const std::int64_t begin = std::max(chunk_begin, total - wanted);
  const std::int64_t count = chunk_begin + rows - begin;
  if (count <= 0) return;
  float* out = logits.data() + (begin - (total - wanted)) * config.vocab;
  norm_rows(weights.final_norm, hidden.data() + (begin - chunk_begin) * config.hidden, normed.data(), count);
  weights.head->forward(normed.data(), out, count);
  cost.macs += static_cast<double>(count) * weights.head->macs_per_row();
  cost.weight_bytes += static_cast<double>(weights.head->weight_bytes()) + weights.norm_bytes();
  for (std::int64_t r = 0; r < count; ++r) {
    if (!kernel_branch().all_finite(out + r * config.vocab, config.vocab)) {
      throw Error(ErrorKind::model, "the logits are not finite",
                  fmt::format("position {}", first_position + begin + r),
                  "the weights may be damaged or overflow in this format; check the checkpoint's sha256");
    }
  }
}

// fill(begin, rows) puts the input states of the rows into `hidden`.
template <class Fill>
std::span<const float> DecoderSession::State::run(std::int64_t total, std::int64_t first,
                                                  std::int64_t begin_layer, std::int64_t end_layer,
                                                  std::int64_t logit_rows, bool keep_hidden, Fill fill) {
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
    throw Error(ErrorKind::internal,
                fmt::format("cannot roll back to {} of {} positions", length, s.early_length), "", "");
  }
  s.early_length = length;
  s.length = std::min(s.length, length);
}

std::span<const float> DecoderSession::forward(std::span<const std::int32_t> tokens,
                                               std::int64_t logit_rows) {
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

std::span<const float> DecoderSession::forward_early(std::span<const std::int32_t> tokens,
                                                     std::int64_t exit_layer, std::int64_t logit_rows) {
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
    std::copy_n(s.pending.data() + (first + begin) * s.config.hidden, rows * s.config.hidden,
                s.hidden.data());
  };
  const std::span<const float> logits =
      s.run(s.early_length - first, first, exit_layer, s.config.layers, logit_rows, false, take);
  s.length = s.early_length;
  return logits;
}

}  // namespace dynexec
