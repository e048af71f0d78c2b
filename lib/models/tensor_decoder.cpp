#include "models/tensor_decoder.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <bit>
#include <map>

#include "kernels/linear.hpp"
#include "models/tensor_layers.hpp"

namespace dynexec {
namespace {

double bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<double>(tensor.nbytes()) : 0;
}

// Memory of the host that a GPU reads and writes without a detour.
at::Tensor host_memory(at::IntArrayRef shape, at::ScalarType type, const DeviceQueue& queue) {
  return at::empty(shape, at::TensorOptions().dtype(type).pinned_memory(queue.asynchronous()));
}

}  // namespace

struct TensorDecoder::Inputs {
  at::Tensor tokens, positions;               // [rows]
  RotaryTensors rotary;                       // of the rows, or undefined
  std::map<std::int64_t, at::Tensor> unseen;  // [rows, positions], by window
};

TensorDecoder::TensorDecoder(const DecoderWeights& weights, std::int64_t capacity)
    : weights_(*weights.tensors),
      config_(weights.config),
      capacity_(capacity),
      timer_(weights_.queue),
      graphs_(weights_.queue) {
  const DeviceQueue& queue = weights_.queue;
  queue.run([&] {
    const at::TensorOptions on_device = at::TensorOptions().device(queue.device());
    const auto cache = on_device.dtype(weights_.layers.front().qkv.weight.scalar_type());
    keys_ = at::zeros({config_.layers, config_.kv_heads, capacity, config_.head_dim}, cache);
    values_ = at::zeros_like(keys_);
    if (!config_.learned_positions) rotary_ = rotary_tensors(config_, capacity, queue.device());
    places_ = at::arange(capacity, on_device.dtype(at::kLong));
    staged_ = host_memory({2, kPassRows}, at::kLong, queue);
    staged_.zero_();
    inputs_ = at::zeros({2, kPassRows}, on_device.dtype(at::kLong));
    output_ = at::empty({kGraphRows, config_.vocab}, on_device.dtype(at::kFloat));
  });
}

float* TensorDecoder::reserve_logits(std::int64_t rows) {
  if (!logits_.defined() || rows > logits_.size(0)) {
    constexpr std::int64_t step = kSkinnyRows / 2;
    weights_.queue.run([&] {
      logits_ =
          host_memory({std::max(step, (rows + step - 1) / step * step), config_.vocab}, at::kFloat, weights_.queue);
    });
  }
  return logits_.mutable_data_ptr<float>();
}

TensorDecoder::Inputs TensorDecoder::gather(const Shape& shape) const {
  Inputs inputs;
  inputs.tokens = inputs_.select(0, 0).narrow(0, 0, shape.rows);
  inputs.positions = inputs_.select(0, 1).narrow(0, 0, shape.rows);
  if (rotary_.cosine.defined()) {
    inputs.rotary = {.cosine = rotary_.cosine.index_select(0, inputs.positions),
                     .sine = rotary_.sine.index_select(0, inputs.positions)};
  }
  const at::Tensor distance = inputs.positions.unsqueeze(1).sub(places_.narrow(0, 0, shape.positions));
  for (std::int64_t l = shape.begin_layer; l < shape.end_layer; ++l) {
    const std::int64_t window = config_.window[static_cast<std::size_t>(l)];
    at::Tensor& unseen = inputs.unseen[window];
    if (unseen.defined()) continue;
    unseen = distance.lt(0);
    if (window > 0) unseen.logical_or_(distance.ge(window));
  }
  return inputs;
}

at::Tensor TensorDecoder::embedded(const Inputs& inputs) const {
  const at::Tensor& table = weights_.embedding.defined() ? weights_.embedding : weights_.head;
  at::Tensor hidden = table.index_select(0, inputs.tokens).to(at::kFloat);
  if (weights_.positions.defined()) hidden.add_(weights_.positions.index_select(0, inputs.positions));
  return hidden;
}

at::Tensor TensorDecoder::run_layer(std::int64_t index, at::Tensor hidden, const Inputs& inputs, std::int64_t queries) {
  const TensorLayer& w = weights_.layers[static_cast<std::size_t>(index)];
  const std::int64_t skipped = hidden.size(0) - queries;
  const at::Tensor keys = keys_.select(0, index), values = values_.select(0, index);
  const at::Tensor projected = product(w.qkv, normed(w.attention_norm, hidden, config_.norm_eps));
  const bool turned = config_.rope_layer[static_cast<std::size_t>(index)];
  const auto [query, key, value] =
      split_heads(config_, projected, w.query_norm, w.key_norm, turned ? inputs.rotary : RotaryTensors());
  keys.index_copy_(1, inputs.positions, key.to(keys.scalar_type()).transpose(0, 1));
  values.index_copy_(1, inputs.positions, value.transpose(0, 1));
  hidden = hidden.narrow(0, skipped, queries);
  if (queries == 0) return hidden;

  const at::Tensor& unseen = inputs.unseen.at(config_.window[static_cast<std::size_t>(index)]);
  const std::int64_t positions = unseen.size(1);
  const at::Tensor mixed = attended(query.narrow(0, skipped, queries), keys.narrow(1, 0, positions),
                                    values.narrow(1, 0, positions), unseen.narrow(0, skipped, queries));
  hidden.add_(product(w.out, mixed));
  const at::Tensor inner = product(w.mlp_in, normed(w.mlp_norm, hidden, config_.norm_eps));
  return hidden.add_(product(w.mlp_out, mlp_states(config_, inner)));
}

at::Tensor TensorDecoder::compute(const Shape& shape) {
  const Inputs inputs = gather(shape);
  at::Tensor hidden = shape.begin_layer == 0 ? embedded(inputs) : pending_.index_select(0, inputs.positions);
  for (std::int64_t l = shape.begin_layer; l < shape.end_layer; ++l)
    hidden = run_layer(l, hidden, inputs, l + 1 < shape.end_layer ? shape.rows : shape.wanted());
  if (shape.keep) pending_.index_copy_(0, inputs.positions, hidden);
  if (shape.logit_rows == 0) return {};
  hidden = hidden.narrow(0, hidden.size(0) - shape.logit_rows, shape.logit_rows);
  const at::Tensor last = normed(weights_.final_norm, hidden, config_.norm_eps);
  return product({.weight = weights_.head, .bias = {}}, last).to(at::kFloat);
}

void TensorDecoder::count(const Shape& shape, PassCost& cost) const {
  const auto rows = static_cast<double>(shape.rows), positions = static_cast<double>(shape.positions);
  const double entry = 2.0 * static_cast<double>(config_.kv_size()) * cache_value_bytes();
  for (std::int64_t l = shape.begin_layer; l < shape.end_layer; ++l) {
    const TensorLayer& w = weights_.layers[static_cast<std::size_t>(l)];
    const auto queries = l + 1 < shape.end_layer ? rows : static_cast<double>(shape.wanted());
    const auto qkv_macs = static_cast<double>(w.qkv.weight.numel());
    cost.macs += rows * qkv_macs;
    cost.kv_bytes += entry * rows;
    if (queries == 0) {
      cost.weight_bytes += bytes_of(w.qkv.weight) + bytes_of(w.qkv.bias);
      continue;
    }
    cost.macs += queries * (w.macs_per_row() - qkv_macs + 2 * positions * static_cast<double>(config_.query_size()));
    cost.weight_bytes += w.weight_bytes();
    cost.kv_bytes += entry * positions;
  }
  if (shape.logit_rows == 0) return;
  cost.macs += static_cast<double>(shape.logit_rows) * static_cast<double>(weights_.head.numel());
  cost.weight_bytes += bytes_of(weights_.head) + weights_.norm_bytes();
}

void TensorDecoder::run(const DecoderChunk& chunk, PassCost& cost) {
  const std::int64_t end = chunk.first + chunk.rows;
  const auto used = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(end)));
  const Shape shape{.rows = chunk.rows,
                    .begin_layer = chunk.begin_layer,
                    .end_layer = chunk.end_layer,
                    .logit_rows = chunk.logit_rows,
                    .positions = std::min(std::max(used, kLeastPositions), capacity_),
                    .keep = chunk.keep};
  auto* const staged = staged_.mutable_data_ptr<std::int64_t>();
  std::copy(chunk.tokens.begin(), chunk.tokens.end(), staged);
  for (std::int64_t r = 0; r < chunk.rows; ++r) staged[kPassRows + r] = chunk.first + r;

  const DeviceQueue& queue = weights_.queue;
  queue.run([&] {
    if (shape.keep && !pending_.defined()) pending_ = at::zeros({capacity_, config_.hidden}, output_.options());
    timer_.start();
    inputs_.copy_(staged_, true);
    at::Tensor logits;
    if (shape.rows <= kGraphRows) {
      logits = output_.narrow(0, 0, shape.logit_rows);
      const auto pass = [&] {
        const at::Tensor computed = compute(shape);
        if (computed.defined()) logits.copy_(computed);
      };
      graphs_.run({shape.rows, shape.begin_layer, shape.end_layer, shape.logit_rows, shape.positions, shape.keep},
                  pass);
    } else {
      logits = compute(shape);
    }
    timer_.stop();
    if (shape.logit_rows > 0) at::from_blob(chunk.logits, {shape.logit_rows, config_.vocab}, at::kFloat).copy_(logits);
    // Also without logits: the next chunk overwrites what the queue may still read.
    queue.synchronise();
  });
  cost.device_ms += timer_.ms();
  count(shape, cost);
}

void TensorDecoder::discard(std::int64_t begin, std::int64_t end, std::int64_t begin_layer, std::int64_t end_layer) {
  if (begin == end) return;
  weights_.queue.run(
      [&] { values_.narrow(0, begin_layer, end_layer - begin_layer).narrow(2, begin, end - begin).zero_(); });
}

double TensorDecoder::cache_bytes() const {
  return bytes_of(keys_) + bytes_of(values_);
}

double TensorDecoder::cache_value_bytes() const {
  return static_cast<double>(keys_.element_size());
}

double TensorDecoder::memory_bytes() const {
  double bytes = cache_bytes();
  for (const at::Tensor* tensor :
       {&rotary_.cosine, &rotary_.sine, &places_, &staged_, &inputs_, &output_, &pending_, &logits_})
    bytes += bytes_of(*tensor);
  return bytes;
}

std::unique_ptr<DecoderEngine> make_tensor_decoder(const DecoderWeights& weights, std::int64_t capacity) {
  return std::make_unique<TensorDecoder>(weights, capacity);
}

}  // namespace dynexec
