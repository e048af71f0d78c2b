#include "models/encoder_weights.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/error.hpp"
#include "models/encoder_loader.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

AlignedFloats aligned(const std::vector<float>& values) {
  AlignedFloats result(static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

double bytes_of(const AlignedFloats& values) {
  return static_cast<double>(values.size()) * sizeof(float);
}

EncoderLayer load_layer(const EncoderWeights& weights, const EncoderNames& names, std::int64_t index,
                        const LayerHooks& hooks, EncoderLoader& loader) {
  const EncoderConfig& c = weights.config;
  EncoderLayer layer;
  // Parts with the same inputs, below one another.
  const auto linear = [&](std::initializer_list<std::string> parts, std::int64_t out, std::int64_t in,
                          Activation activation) {
    std::vector<StoredMatrix> matrices;
    std::vector<std::vector<float>> biases;
    for (const std::string& part : parts) {
      const std::string name = names.layer(index, part);
      matrices.push_back(loader.matrix(name + ".weight", out, in, weights.formats, hooks));
      biases.push_back(loader.read(name + ".bias", {out}));
    }
    return hooks.observed(names.layer(index, *parts.begin()) + ".weight",
                          make_stacked_linear(std::move(matrices), std::move(biases), activation));
  };
  layer.qkv = linear({names.query, names.key, names.value}, c.hidden, c.hidden, Activation::none);
  layer.out = linear({names.out}, c.hidden, c.hidden, Activation::none);
  layer.inner = linear({names.inner}, c.intermediate, c.hidden, c.activation);
  layer.outer = linear({names.outer}, c.hidden, c.intermediate, Activation::none);
  const std::string first = names.layer(index, names.attention_norm), second = names.layer(index, names.output_norm);
  layer.attention_norm = loader.norm(first, "weight", c.hidden);
  layer.attention_shift = loader.norm(first, "bias", c.hidden);
  layer.output_norm = loader.norm(second, "weight", c.hidden);
  layer.output_shift = loader.norm(second, "bias", c.hidden);
  return layer;
}

// Tensors inside the layers that the configuration does not explain would silently change the model.
void refuse_unknown_layer_tensors(const ModelFolder& folder, const std::set<std::string>& used) {
  const auto within = [](const std::string& name) {
    const std::size_t at = name.find("layer.");
    return at == std::string::npos ? std::string() : name.substr(at);
  };
  std::set<std::string> known;
  for (const std::string& name : used) known.insert(within(name));
  for (const std::string& name : folder.tensor_names()) {
    const std::string part = within(name);
    if (part.empty() || known.contains(part)) continue;
    throw Error(ErrorKind::model, "the tensor is not part of the encoder that config.json describes",
                (folder.path() / name).string(), "check model_type and the number of layers");
  }
}

}  // namespace

std::vector<float> EncoderLoader::read(const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorView view = folder_.require(name, shape);
  used_.insert(name);
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  parameters_ += static_cast<double>(values.size());
  return values;
}

AlignedFloats EncoderLoader::table(const std::string& name, std::int64_t rows, std::int64_t columns) {
  return aligned(read(name + ".weight", {rows, columns}));
}

AlignedFloats EncoderLoader::norm(const std::string& name, const char* part, std::int64_t size) {
  const std::string modern = name + "." + part;
  const std::string old = name + (std::string(part) == "weight" ? ".gamma" : ".beta");
  return aligned(read(!folder_.find(modern) && folder_.find(old) ? old : modern, {size}));
}

std::unique_ptr<Linear> EncoderLoader::dense(const std::string& name, std::int64_t out, std::int64_t in,
                                             Activation activation) {
  return make_linear_fp32(read(name + ".weight", {out, in}), read(name + ".bias", {out}), in, out, activation);
}

StoredMatrix EncoderLoader::matrix(const std::string& name, std::int64_t out, std::int64_t in,
                                   const LayerFormats& formats, const LayerHooks& hooks) {
  const WeightFormat& format = formats.of(name);
  matrices_.push_back(name);
  std::optional<StoredMatrix> stored = hooks.matrix(name, out, in, format);
  if (!stored) return round_to_nearest(read(name, {out, in}), out, in, format);
  for (const std::string& part : stored_names(name, stored->format)) used_.insert(part);
  parameters_ += static_cast<double>(out) * static_cast<double>(in);
  return *std::move(stored);
}

double EncoderLayer::weight_bytes() const {
  double bytes = 0;
  for (const Linear* linear : {qkv.get(), out.get(), inner.get(), outer.get()})
    bytes += static_cast<double>(linear->weight_bytes());
  return bytes + bytes_of(attention_norm) + bytes_of(attention_shift) + bytes_of(output_norm) + bytes_of(output_shift);
}

double EncoderLayer::macs_per_token() const {
  return qkv->macs_per_row() + out->macs_per_row() + inner->macs_per_row() + outer->macs_per_row();
}

void load_encoder_weights(const ModelFolder& folder, const LayerHooks& hooks, EncoderWeights& weights) {
  weights.config = parse_encoder_config(folder);
  const EncoderConfig& c = weights.config;
  const EncoderNames names(c.family);
  EncoderLoader loader(folder);
  weights.words = loader.table(names.words, c.vocab, c.hidden);
  weights.positions = loader.table(names.positions, c.max_positions, c.hidden);
  if (c.types > 0) {
    const std::vector<float> types = loader.read(names.types + ".weight", {c.types, c.hidden});
    for (std::int64_t i = 0; i < weights.positions.size(); ++i)
      weights.positions[i] += types[static_cast<std::size_t>(i % c.hidden)];
  }
  weights.norm = loader.norm(names.embedding_norm, "weight", c.hidden);
  weights.shift = loader.norm(names.embedding_norm, "bias", c.hidden);
  for (std::int64_t l = 0; l < c.layers; ++l) weights.layers.push_back(load_layer(weights, names, l, hooks, loader));
  if (c.classes > 0) {
    const Activation activation = c.family == "bert" ? Activation::tanh : Activation::relu;
    auto dense = loader.dense(names.pooler, c.hidden, c.hidden, activation);
    weights.classifier.emplace(std::move(dense), loader.dense(names.classifier, c.classes, c.hidden, Activation::none));
  }
  weights.parameters = loader.parameters();
  require_used(weights.formats, loader.matrices(), formats_origin(folder));
  refuse_unknown_layer_tensors(folder, loader.used());
}

std::shared_ptr<const Encoder> Encoder::build(const ModelFolder& folder, const LayerHooks& hooks,
                                              const LayerFormats& formats) {
  std::shared_ptr<Encoder> encoder(new Encoder());
  encoder->weights_->formats = formats;
  load_encoder_weights(folder, hooks, *encoder->weights_);
  return encoder;
}

std::shared_ptr<const Encoder> Encoder::load(const ModelFolder& folder, const LayerFormats& formats) {
  return build(folder, {.stored = stored_source(folder), .observer = {}}, loaded_formats(folder, formats));
}

std::shared_ptr<const Encoder> Encoder::load(const std::filesystem::path& folder, const LayerFormats& formats) {
  return load(ModelFolder::open(folder), formats);
}

Encoder::Encoder() : weights_(std::make_unique<EncoderWeights>()) {}
Encoder::~Encoder() = default;

const EncoderConfig& Encoder::config() const {
  return weights_->config;
}
const LayerFormats& Encoder::formats() const {
  return weights_->formats;
}
double Encoder::parameters() const {
  return weights_->parameters;
}

double Encoder::weight_bytes() const {
  double bytes = weights_->classifier ? weights_->classifier->weight_bytes() : 0;
  for (const EncoderLayer& layer : weights_->layers) bytes += layer.weight_bytes();
  return bytes;
}

double Encoder::memory_bytes() const {
  return weight_bytes() + bytes_of(weights_->words) + bytes_of(weights_->positions) + bytes_of(weights_->norm) +
         bytes_of(weights_->shift);
}

double Encoder::macs(std::int64_t tokens) const {
  const auto n = static_cast<double>(tokens);
  double macs = weights_->classifier ? weights_->classifier->macs_per_row() : 0;
  for (const EncoderLayer& layer : weights_->layers)
    macs += n * layer.macs_per_token() + 2 * n * n * static_cast<double>(weights_->config.hidden);
  return macs;
}

}  // namespace dynexec
