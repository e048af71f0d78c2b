#include "models/gradient_decoder.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/error.hpp"
#include "models/stored_weights.hpp"
#include "models/tensor_layers.hpp"

namespace dynexec {
namespace {

at::Tensor copied(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat).clone();
}

at::Tensor copied(const std::vector<float>& values) {
  return values.empty() ? at::Tensor() : copied(values, {static_cast<std::int64_t>(values.size())});
}

TensorNorm copied(const NormPart& norm) {
  return {.weight = copied(norm.weight), .bias = copied(norm.bias)};
}

struct Layer {
  TensorNorm attention_norm, mlp_norm, query_norm, key_norm;
  std::vector<TensorMatrix> qkv, mlp_in;  // with the same inputs; gated: the gate, then up
  TensorMatrix out, mlp_out;
};

at::Tensor products(const std::vector<TensorMatrix>& matrices, const at::Tensor& x) {
  std::vector<at::Tensor> parts;
  for (const TensorMatrix& matrix : matrices) parts.push_back(product(matrix, x));
  return at::cat(parts, 1);
}

// [rows, rows]: which positions a row does not see; window 0: all before it are seen.
at::Tensor unseen_positions(std::int64_t rows, std::int64_t window) {
  const at::Tensor places = at::arange(rows);
  const at::Tensor distance = places.unsqueeze(1).sub(places);
  const at::Tensor unseen = distance.lt(0);
  return window > 0 ? unseen.logical_or(distance.ge(window)) : unseen;
}

WeightSource plain_weights(const ModelFolder& folder) {
  require_plain_weights(folder);
  return [&folder](const std::string& name, const std::vector<std::int64_t>& shape) {
    const TensorView view = folder.require(name, shape);
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    copy_as_f32(view, values);
    return values;
  };
}

}  // namespace

struct GradientDecoder::State {
  State(DecoderConfig its_config, const WeightSource& source) : config(std::move(its_config)) {
    const DecoderBuild build;
    DecoderReader reader(config, source, build);
    embedding = copied(reader.embedding(), {config.vocab, config.hidden});
    head.weight = config.tied_head ? embedding : copied(reader.head(), {config.vocab, config.hidden});
    if (config.learned_positions)
      positions = copied(reader.positions(), {config.max_positions, config.hidden});
    else
      rotary = rotary_tensors(config, config.max_positions, at::kCPU);
    layers.reserve(static_cast<std::size_t>(config.layers));  // places point into it
    for (std::int64_t l = 0; l < config.layers; ++l) add(reader.layer(l));
    final_norm = copied(reader.final_norm());
  }

  void add(const LayerParts& parts) {
    Layer& layer = layers.emplace_back();
    layer.attention_norm = copied(parts.attention_norm);
    layer.mlp_norm = copied(parts.mlp_norm);
    layer.query_norm = copied(parts.query_norm);
    layer.key_norm = copied(parts.key_norm);
    layer.qkv.resize(parts.qkv.size());
    for (std::size_t i = 0; i < parts.qkv.size(); ++i) take(parts.qkv[i], layer.qkv[i]);
    take(parts.out, layer.out);
    layer.mlp_in.resize(parts.up ? 2 : 1);
    take(parts.mlp_in, layer.mlp_in.front());
    if (parts.up) take(*parts.up, layer.mlp_in.back());
    take(parts.mlp_out, layer.mlp_out);
  }

  void take(const MatrixPart& part, TensorMatrix& matrix) {
    matrix = {.weight = copied(part.weight.floats, {part.weight.out, part.weight.in}), .bias = copied(part.bias)};
    names.push_back(part.name);
    places[part.name] = &matrix;
  }

  TensorMatrix& place(const std::string& name) const {
    const auto found = places.find(name);
    if (found == places.end()) throw Error(ErrorKind::internal, "the layers have no such matrix", name, "");
    return *found->second;
  }

  at::Tensor block(std::size_t index, at::Tensor hidden, const at::Tensor& unseen) const {
    const Layer& w = layers[index];
    RotaryTensors here;
    if (rotary.cosine.defined() && config.rope_layer[index]) {
      const std::int64_t rows = hidden.size(0);
      here = {.cosine = rotary.cosine.narrow(0, 0, rows), .sine = rotary.sine.narrow(0, 0, rows)};
    }
    const at::Tensor projected = products(w.qkv, normed(w.attention_norm, hidden, config.norm_eps));
    const auto [query, key, value] = split_heads(config, projected, w.query_norm, w.key_norm, here);
    hidden = hidden.add(product(w.out, attended(query, key.transpose(0, 1), value.transpose(0, 1), unseen)));
    const at::Tensor inner = products(w.mlp_in, normed(w.mlp_norm, hidden, config.norm_eps));
    return hidden.add(product(w.mlp_out, mlp_states(config, inner)));
  }

  DecoderConfig config;
  at::Tensor embedding, positions;  // positions: learned
  RotaryTensors rotary;             // undefined with learned positions
  std::vector<Layer> layers;
  TensorNorm final_norm;
  TensorMatrix head;
  std::vector<std::string> names;
  std::map<std::string, TensorMatrix*> places;
};

GradientDecoder::GradientDecoder(DecoderConfig config, const WeightSource& source)
    : state_(std::make_unique<State>(std::move(config), source)) {}
GradientDecoder::GradientDecoder(const ModelFolder& folder)
    : GradientDecoder(parse_decoder_config(folder), plain_weights(folder)) {}
GradientDecoder::~GradientDecoder() = default;

const std::vector<std::string>& GradientDecoder::matrices() const {
  return state_->names;
}

const at::Tensor& GradientDecoder::weight(const std::string& matrix) const {
  return state_->place(matrix).weight;
}

void GradientDecoder::replace(const std::string& matrix, const at::Tensor& weight) {
  TensorMatrix& place = state_->place(matrix);
  if (place.weight.sizes() != weight.sizes())
    throw Error(ErrorKind::internal, "the matrix is of another shape", matrix, "");
  place.weight = weight;
}

at::Tensor GradientDecoder::logits(std::span<const std::int32_t> tokens) const {
  const DecoderConfig& config = state_->config;
  const auto rows = static_cast<std::int64_t>(tokens.size());
  if (rows < 1 || rows > config.max_positions)
    throw Error(ErrorKind::data,
                fmt::format("a text has {} tokens, the model takes 1 to {}", rows, config.max_positions), "",
                "shorten the text");
  at::Tensor ids = at::empty({rows}, at::kLong);
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int32_t id = tokens[static_cast<std::size_t>(i)];
    if (id < 0 || id >= config.vocab)
      throw Error(ErrorKind::data, fmt::format("token id {} is outside the vocabulary of {}", id, config.vocab),
                  fmt::format("position {}", i), "use the tokenizer that belongs to the model");
    ids.mutable_data_ptr<std::int64_t>()[i] = id;
  }
  at::Tensor hidden = state_->embedding.index_select(0, ids);
  if (config.learned_positions) hidden = hidden.add(state_->positions.narrow(0, 0, rows));
  std::map<std::int64_t, at::Tensor> unseen;  // by window
  for (std::size_t l = 0; l < state_->layers.size(); ++l) {
    at::Tensor& mask = unseen[config.window[l]];
    if (!mask.defined()) mask = unseen_positions(rows, config.window[l]);
    hidden = state_->block(l, hidden, mask);
  }
  return product(state_->head, normed(state_->final_norm, hidden, config.norm_eps));
}

}  // namespace dynexec
