#include "models/kernel_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

// Multiply-adds of attention, and values to normalise, below which waking another thread costs more than it
// saves.
constexpr double kSerialAttentionMacs = 64 * 1024;
constexpr std::int64_t kSerialNormValues = 32 * 1024;

}  // namespace

KernelDecoder::KernelDecoder(const DecoderWeights& weights, std::int64_t capacity)
    : weights_(*weights.kernels),
      config_(weights.config),
      capacity_(capacity),
      cache_(config_.layers, config_.kv_heads, config_.head_dim, capacity, weights.formats.cache),
      logits_(config_.vocab) {
  const std::int64_t rows = std::min(kPassRows, capacity);
  hidden_ = AlignedFloats(rows * config_.hidden);
  normed_ = AlignedFloats(rows * config_.hidden);
  qkv_ = AlignedFloats(rows * (config_.query_size() + 2 * config_.kv_size()));
  attended_ = AlignedFloats(rows * config_.query_size());
  inner_ = AlignedFloats(rows * config_.intermediate);
  if (!config_.learned_positions) rope_ = RopeTable(config_, capacity);
}

void KernelDecoder::norm_row(const NormWeights& norm, const float* in, std::int64_t size, float* out) const {
  const auto eps = static_cast<float>(config_.norm_eps);
  if (norm.bias.size() > 0) {
    kernel_branch().layer_norm(in, norm.weight.data(), norm.bias.data(), size, eps, out);
  } else {
    kernel_branch().rms_norm(in, norm.weight.data(), size, eps, out);
  }
}

void KernelDecoder::norm_rows(const NormWeights& norm, const float* in, float* out, std::int64_t rows) {
  const std::int64_t width = config_.hidden;
  const std::int64_t grain = std::max<std::int64_t>(1, kSerialNormValues / width);
  compute_pool().split(rows, grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) norm_row(norm, in + r * width, width, out + r * width);
  });
}

void KernelDecoder::prepare_head(std::int64_t layer, std::int64_t kv_head, std::int64_t rows, std::int64_t first) {
  const std::int64_t dim = config_.head_dim, group = config_.heads / config_.kv_heads;
  const std::int64_t stride = config_.query_size() + 2 * config_.kv_size();
  const LayerWeights& w = weights_.layers[static_cast<std::size_t>(layer)];
  const bool rotate = rope_.half() > 0 && config_.rope_layer[static_cast<std::size_t>(layer)];
  const KernelBranch& kernels = kernel_branch();
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = qkv_.data() + r * stride;
    float* key = row + config_.query_size() + kv_head * dim;
    const float* value = row + config_.query_size() + config_.kv_size() + kv_head * dim;
    const std::int64_t position = first + r;
    for (std::int64_t h = 0; h < group; ++h) {
      float* query = row + (kv_head * group + h) * dim;
      if (config_.qk_norm) norm_row(w.query_norm, query, dim, query);
      if (rotate) kernels.rotate_half(query, rope_.cosine(position), rope_.sine(position), rope_.half());
    }
    if (config_.qk_norm) norm_row(w.key_norm, key, dim, key);
    if (rotate) kernels.rotate_half(key, rope_.cosine(position), rope_.sine(position), rope_.half());
    cache_.write(layer, kv_head, position, key, value);
  }
}

void KernelDecoder::attend_heads(std::int64_t layer, std::int64_t first_head, std::int64_t heads, std::int64_t begin,
                                 std::int64_t rows, std::int64_t first, int thread) {
  const std::int64_t dim = config_.head_dim;
  AttentionRows request;
  request.query_stride = config_.query_size() + 2 * config_.kv_size();
  request.query = qkv_.data() + begin * request.query_stride + first_head * dim;
  request.out_stride = config_.query_size();
  request.out = attended_.data() + begin * request.out_stride + first_head * dim;
  request.rows = rows - begin;
  request.heads = heads;
  request.first = first + begin;
  request.window = config_.window[static_cast<std::size_t>(layer)];
  request.scale = 1.0f / std::sqrt(static_cast<float>(dim));
  attend(cache_, layer, first_head / (config_.heads / config_.kv_heads), request,
         scratch_[static_cast<std::size_t>(thread)].data());
}

void KernelDecoder::attention(std::int64_t layer, std::int64_t rows, std::int64_t first, std::int64_t queries) {
  const std::int64_t group = config_.heads / config_.kv_heads, skipped = rows - queries;
  if (queries == 0) {
    for (std::int64_t h = 0; h < config_.kv_heads; ++h) prepare_head(layer, h, rows, first);
    return;
  }
  const std::int64_t positions =
      attended_positions(first + skipped, queries, config_.window[static_cast<std::size_t>(layer)]);
  const double macs = 2.0 * static_cast<double>(queries * config_.query_size()) * static_cast<double>(positions);
  ThreadPool& pool = compute_pool();
  while (static_cast<int>(scratch_.size()) < pool.threads()) scratch_.emplace_back(attention_scratch(cache_, group));
  if (macs < kSerialAttentionMacs || pool.threads() == 1 || config_.kv_heads % pool.threads() == 0) {
    const std::int64_t grain = macs < kSerialAttentionMacs ? config_.kv_heads : 1;
    pool.split(config_.kv_heads, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t h = begin; h < end; ++h) {
        prepare_head(layer, h, rows, first);
        attend_heads(layer, h * group, group, skipped, rows, first, thread);
      }
    });
    return;
  }
  // Few key/value heads: their groups are divided among the threads, once every new key is in the cache.
  for (std::int64_t h = 0; h < config_.kv_heads; ++h) prepare_head(layer, h, rows, first);
  const std::int64_t parts = std::min<std::int64_t>(group, pool.threads());
  pool.split(config_.kv_heads * parts, 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t part = i % parts;
      const std::int64_t from = group * part / parts, to = group * (part + 1) / parts;
      attend_heads(layer, i / parts * group + from, to - from, skipped, rows, first, thread);
    }
  });
}

void KernelDecoder::run_layers(const DecoderChunk& chunk, std::int64_t wanted, PassCost& cost) {
  const std::int64_t rows = chunk.rows, first = chunk.first;
  const double entry = 2.0 * static_cast<double>(config_.kv_heads * cache_.entry_bytes());
  for (std::int64_t l = chunk.begin_layer; l < chunk.end_layer; ++l) {
    const LayerWeights& w = weights_.layers[static_cast<std::size_t>(l)];
    const std::int64_t queries = l + 1 < chunk.end_layer ? rows : wanted, skipped = rows - queries;
    norm_rows(w.attention_norm, hidden_.data(), normed_.data(), rows);
    w.qkv->forward(normed_.data(), qkv_.data(), rows);
    attention(l, rows, first, queries);
    cost.macs += static_cast<double>(rows) * w.qkv->macs_per_row();
    cost.kv_bytes += entry * static_cast<double>(rows);
    if (queries == 0) {
      cost.weight_bytes += static_cast<double>(w.qkv->weight_bytes());
      continue;
    }
    float* states = hidden_.data() + skipped * config_.hidden;
    w.out->forward_add(attended_.data() + skipped * config_.query_size(), states, queries);
    norm_rows(w.mlp_norm, states, normed_.data(), queries);
    w.mlp_in->forward(normed_.data(), inner_.data(), queries);
    w.mlp_out->forward_add(inner_.data(), states, queries);

    const std::int64_t window = config_.window[static_cast<std::size_t>(l)];
    double pairs = 0;  // (query, key) pairs of one head
    for (std::int64_t r = skipped; r < rows; ++r)
      pairs += static_cast<double>(attended_positions(first + r, 1, window));
    cost.macs += static_cast<double>(queries) * (w.macs_per_row() - w.qkv->macs_per_row()) +
                 2 * pairs * static_cast<double>(config_.query_size());
    cost.weight_bytes += w.weight_bytes();
    cost.kv_bytes += entry * static_cast<double>(attended_positions(first + skipped, queries, window));
  }
}

void KernelDecoder::run_head(const DecoderChunk& chunk, PassCost& cost) {
  const std::int64_t count = chunk.logit_rows;
  norm_rows(weights_.final_norm, hidden_.data() + (chunk.rows - count) * config_.hidden, normed_.data(), count);
  weights_.head->forward(normed_.data(), chunk.logits, count);
  cost.macs += static_cast<double>(count) * weights_.head->macs_per_row();
  cost.weight_bytes += static_cast<double>(weights_.head->weight_bytes()) + weights_.norm_bytes();
}

void KernelDecoder::embed(std::int32_t token, std::int64_t position, float* out) const {
  if (weights_.embedding.size() > 0) {
    std::copy_n(weights_.embedding.data() + token * config_.hidden, config_.hidden, out);
  } else {
    weights_.head->weight_row(token, out);
  }
  if (weights_.positions.size() > 0) {
    const float* row = weights_.positions.data() + position * config_.hidden;
    for (std::int64_t i = 0; i < config_.hidden; ++i) out[i] += row[i];
  }
}

float* KernelDecoder::reserve_logits(std::int64_t rows) {
  if (rows * config_.vocab > logits_.size()) {
    const std::int64_t step = kSkinnyRows / 2;
    logits_ = AlignedFloats((rows + step - 1) / step * step * config_.vocab);
  }
  return logits_.data();
}

void KernelDecoder::run(const DecoderChunk& chunk, PassCost& cost) {
  const std::int64_t width = config_.hidden;
  if (chunk.tokens.empty()) std::copy_n(pending_.data() + chunk.first * width, chunk.rows * width, hidden_.data());
  for (std::size_t r = 0; r < chunk.tokens.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r);
    embed(chunk.tokens[r], chunk.first + row, hidden_.data() + row * width);
  }
  run_layers(chunk, chunk.keep ? chunk.rows : chunk.logit_rows, cost);
  if (chunk.keep) {
    if (pending_.size() == 0) pending_ = AlignedFloats(capacity_ * width);
    std::copy_n(hidden_.data(), chunk.rows * width, pending_.data() + chunk.first * width);
  }
  if (chunk.logit_rows > 0) run_head(chunk, cost);
  cost.device_ms = std::numeric_limits<double>::quiet_NaN();
}

double KernelDecoder::cache_value_bytes() const {
  return static_cast<double>(cache_.entry_bytes()) / static_cast<double>(config_.head_dim);
}

double KernelDecoder::memory_bytes() const {
  std::int64_t floats = hidden_.size() + normed_.size() + qkv_.size() + attended_.size() + inner_.size() +
                        logits_.size() + pending_.size() + rope_.size();
  for (const AlignedFloats& scratch : scratch_) floats += scratch.size();
  return cache_bytes() + static_cast<double>(floats) * static_cast<double>(sizeof(float));
}

std::unique_ptr<DecoderEngine> make_kernel_decoder(const DecoderWeights& weights, std::int64_t capacity) {
  return std::make_unique<KernelDecoder>(weights, capacity);
}

}  // namespace dynexec
