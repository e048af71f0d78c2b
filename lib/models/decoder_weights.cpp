#include "models/decoder_weights.hpp"

#include <algorithm>

namespace dynexec {
namespace {

AlignedFloats aligned(const std::vector<float>& values) {
  AlignedFloats result(static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

NormWeights packed(const NormPart& norm) {
  NormWeights weights;
  if (!norm.weight.empty()) weights.weight = aligned(norm.weight);
  if (!norm.bias.empty()) weights.bias = aligned(norm.bias);
  return weights;
}

std::unique_ptr<Linear> packed(MatrixPart&& part, Activation activation, const LayerHooks& hooks) {
  return hooks.observed(part.name, make_linear(std::move(part.weight), std::move(part.bias), activation));
}

std::unique_ptr<Linear> packed(MatrixPart&& gate, MatrixPart&& up, Activation activation, const LayerHooks& hooks) {
  return hooks.observed(gate.name, make_gated_linear(std::move(gate.weight), std::move(up.weight), std::move(gate.bias),
                                                     std::move(up.bias), activation));
}

// Below one another.
std::unique_ptr<Linear> packed(std::vector<MatrixPart>&& parts, const LayerHooks& hooks) {
  std::vector<StoredMatrix> weights;
  std::vector<std::vector<float>> biases;
  for (MatrixPart& part : parts) {
    weights.push_back(std::move(part.weight));
    biases.push_back(std::move(part.bias));
  }
  return hooks.observed(parts.front().name, make_stacked_linear(std::move(weights), std::move(biases)));
}

LayerWeights packed(LayerParts&& parts, Activation activation, const LayerHooks& hooks) {
  LayerWeights weights;
  weights.attention_norm = packed(parts.attention_norm);
  weights.mlp_norm = packed(parts.mlp_norm);
  weights.query_norm = packed(parts.query_norm);
  weights.key_norm = packed(parts.key_norm);
  weights.qkv = packed(std::move(parts.qkv), hooks);
  weights.out = packed(std::move(parts.out), Activation::none, hooks);
  weights.mlp_in = parts.up ? packed(std::move(parts.mlp_in), *std::move(parts.up), activation, hooks)
                            : packed(std::move(parts.mlp_in), activation, hooks);
  weights.mlp_out = packed(std::move(parts.mlp_out), Activation::none, hooks);
  return weights;
}

double bytes_of(const AlignedFloats& values) {
  return static_cast<double>(values.size()) * sizeof(float);
}

}  // namespace

double LayerWeights::weight_bytes() const {
  double bytes = 0;
  for (const Linear* linear : {qkv.get(), out.get(), mlp_in.get(), mlp_out.get()}) {
    bytes += static_cast<double>(linear->weight_bytes());
  }
  for (const NormWeights* norm : {&attention_norm, &mlp_norm, &query_norm, &key_norm}) {
    bytes += bytes_of(norm->weight) + bytes_of(norm->bias);
  }
  return bytes;
}

double LayerWeights::macs_per_row() const {
  return qkv->macs_per_row() + out->macs_per_row() + mlp_in->macs_per_row() + mlp_out->macs_per_row();
}

KernelWeights::KernelWeights(const DecoderConfig& config, DecoderReader& reader, const DecoderBuild& build) {
  const auto pack_head = [&](std::vector<float> weight) {
    head = make_linear(round_to_nearest(std::move(weight), config.vocab, config.hidden, build.formats.head), {});
  };
  if (config.tied_head) {
    pack_head(reader.embedding());
  } else {
    embedding = aligned(reader.embedding());
    pack_head(reader.head());
  }
  if (config.learned_positions) positions = aligned(reader.positions());
  for (std::int64_t l = 0; l < config.layers; ++l)
    layers.push_back(packed(reader.layer(l), config.activation, build.hooks));
  final_norm = packed(reader.final_norm());
}

double KernelWeights::norm_bytes() const {
  return bytes_of(final_norm.weight) + bytes_of(final_norm.bias);
}

double KernelWeights::weight_bytes() const {
  double bytes = static_cast<double>(head->weight_bytes()) + norm_bytes();
  for (const LayerWeights& layer : layers) bytes += layer.weight_bytes();
  return bytes;
}

double KernelWeights::memory_bytes() const {
  return weight_bytes() + bytes_of(embedding) + bytes_of(positions);
}

}  // namespace dynexec
