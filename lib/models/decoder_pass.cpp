// One pass of tokens through the layers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "kernels/thread_pool.hpp"
#include "models/decoder_state.hpp"

namespace dynexec {
namespace {

// Multiply-adds of attention, and values to normalise, below which waking another thread costs more than it
// saves.
constexpr double kSerialAttentionMacs = 64 * 1024;
constexpr std::int64_t kSerialNormValues = 32 * 1024;

}  // namespace

void DecoderSession::State::norm_row(const NormWeights& norm, const float* in, std::int64_t size, float* out) const {
  const auto eps = static_cast<float>(config.norm_eps);
  if (norm.bias.size() > 0) {
    kernel_branch().layer_norm(in, norm.weight.data(), norm.bias.data(), size, eps, out);
  } else {
    kernel_branch().rms_norm(in, norm.weight.data(), size, eps, out);
  }
}

void DecoderSession::State::norm_rows(const NormWeights& norm, const float* in, float* out, std::int64_t rows) {
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
                                         std::int64_t begin, std::int64_t rows, std::int64_t first, int thread) {
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

void DecoderSession::State::attention(std::int64_t layer, std::int64_t rows, std::int64_t first, std::int64_t queries) {
  const std::int64_t group = config.heads / config.kv_heads, skipped = rows - queries;
  if (queries == 0) {
    for (std::int64_t h = 0; h < config.kv_heads; ++h) prepare_head(layer, h, rows, first);
    return;
  }
  const std::int64_t positions =
      attended_positions(first + skipped, queries, config.window[static_cast<std::size_t>(layer)]);
  const double macs = 2.0 * static_cast<double>(queries * config.query_size()) * static_cast<double>(positions);
  ThreadPool& pool = compute_pool();
  while (static_cast<int>(scratch.size()) < pool.threads()) scratch.emplace_back(attention_scratch(cache, group));
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

void DecoderSession::State::run_layers(std::int64_t rows, std::int64_t first, std::int64_t begin, std::int64_t end,
                                       std::int64_t wanted) {
  const double entry = 2.0 * static_cast<double>(config.kv_heads * cache.entry_bytes());
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
      throw Error(ErrorKind::model, "the logits are not finite", fmt::format("position {}", first_position + begin + r),
                  "the weights may be damaged or overflow in this format; check the checkpoint's sha256");
    }
  }
}

}  // namespace dynexec
