#include "models/tensor_weights.hpp"

#include <ATen/ops/from_blob.h>

namespace dynexec {
namespace {

at::ScalarType scalar_type(WeightType type) {
  if (type == WeightType::bf16) return at::kBFloat16;
  return type == WeightType::fp16 ? at::kHalf : at::kFloat;
}

// Copies memory of the host; LibTorch's views of it are never written to.
at::Tensor copied(const void* values, at::IntArrayRef shape, at::ScalarType type, c10::Device device) {
  return at::from_blob(const_cast<void*>(values), shape, type).to(device, type, false, true);
}

at::Tensor copied(const std::vector<float>& values, at::IntArrayRef shape, c10::Device device) {
  return copied(values.data(), shape, at::kFloat, device);
}

at::Tensor copied(const StoredMatrix& matrix, c10::Device device) {
  const bool whole = matrix.format.type == WeightType::fp32;
  return copied(whole ? static_cast<const void*>(matrix.floats.data()) : matrix.halves.data(), {matrix.out, matrix.in},
                scalar_type(matrix.format.type), device);
}

at::Tensor copied(const std::vector<float>& values, c10::Device device) {
  return values.empty() ? at::Tensor() : copied(values, {static_cast<std::int64_t>(values.size())}, device);
}

TensorNorm copied(const NormPart& norm, c10::Device device) {
  return {.weight = copied(norm.weight, device), .bias = copied(norm.bias, device)};
}

TensorMatrix copied(const MatrixPart& part, c10::Device device) {
  TensorMatrix matrix{.weight = copied(part.weight, device), .bias = copied(part.bias, device)};
  if (matrix.bias.defined()) matrix.bias = matrix.bias.to(matrix.weight.scalar_type());
  return matrix;
}

// Of the same format and inputs.
void append(MatrixPart& part, const MatrixPart& below) {
  part.weight.append(below.weight);
  part.bias.insert(part.bias.end(), below.bias.begin(), below.bias.end());
}

TensorLayer copied(LayerParts&& parts, c10::Device device) {
  if (parts.up) append(parts.mlp_in, *parts.up);
  for (std::size_t i = 1; i < parts.qkv.size(); ++i) append(parts.qkv.front(), parts.qkv[i]);
  return {.attention_norm = copied(parts.attention_norm, device),
          .mlp_norm = copied(parts.mlp_norm, device),
          .query_norm = copied(parts.query_norm, device),
          .key_norm = copied(parts.key_norm, device),
          .qkv = copied(parts.qkv.front(), device),
          .out = copied(parts.out, device),
          .mlp_in = copied(parts.mlp_in, device),
          .mlp_out = copied(parts.mlp_out, device)};
}

double bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<double>(tensor.nbytes()) : 0;
}

}  // namespace

double TensorLayer::weight_bytes() const {
  double bytes = 0;
  for (const TensorMatrix* matrix : {&qkv, &out, &mlp_in, &mlp_out})
    bytes += bytes_of(matrix->weight) + bytes_of(matrix->bias);
  for (const TensorNorm* norm : {&attention_norm, &mlp_norm, &query_norm, &key_norm})
    bytes += bytes_of(norm->weight) + bytes_of(norm->bias);
  return bytes;
}

double TensorLayer::macs_per_row() const {
  std::int64_t macs = 0;
  for (const TensorMatrix* matrix : {&qkv, &out, &mlp_in, &mlp_out}) macs += matrix->weight.numel();
  return static_cast<double>(macs);
}

TensorWeights::TensorWeights(const DecoderConfig& config, DecoderReader& reader, const DecoderFormats& formats)
    : queue(formats.device) {
  const c10::Device device = queue.device();
  queue.run([&] {
    const auto copy_head = [&](std::vector<float> weight) {
      head = copied(round_to_nearest(std::move(weight), config.vocab, config.hidden, formats.head), device);
    };
    if (config.tied_head) {
      copy_head(reader.embedding());
    } else {
      embedding = copied(reader.embedding(), {config.vocab, config.hidden}, device);
      copy_head(reader.head());
    }
    if (config.learned_positions) positions = copied(reader.positions(), {config.max_positions, config.hidden}, device);
    for (std::int64_t l = 0; l < config.layers; ++l) layers.push_back(copied(reader.layer(l), device));
    final_norm = copied(reader.final_norm(), device);
  });
}

double TensorWeights::norm_bytes() const {
  return bytes_of(final_norm.weight) + bytes_of(final_norm.bias);
}

double TensorWeights::weight_bytes() const {
  double bytes = bytes_of(head) + norm_bytes();
  for (const TensorLayer& layer : layers) bytes += layer.weight_bytes();
  return bytes;
}

double TensorWeights::memory_bytes() const {
  return weight_bytes() + bytes_of(embedding) + bytes_of(positions);
}

}  // namespace dynexec
