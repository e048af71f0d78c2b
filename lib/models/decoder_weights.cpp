#include "models/decoder_weights.hpp"

#include <algorithm>

namespace dynexec {
namespace {

using Shape = std::vector<std::int64_t>;

// Reads the tensors of one family by name and counts the parameters.
class Loader {
 public:
  Loader(const DecoderConfig& config, const WeightSource& source, const DecoderBuild& build)
      : config_(config), source_(source), build_(build) {}

  double parameters() const { return parameters_; }

  std::vector<float> matrix(const std::string& name, std::int64_t out, std::int64_t in) {
    return read(name, {out, in});
  }
  std::vector<float> vector(const std::string& name, std::int64_t size) { return read(name, {size}); }
  std::vector<float> vector_if(bool wanted, const std::string& name, std::int64_t size) {
    return wanted ? vector(name, size) : std::vector<float>{};
  }
  // GPT-2's Conv1D keeps weights as [in, out]; returns [out, in].
  std::vector<float> transposed(const std::string& name, std::int64_t out, std::int64_t in) {
    const std::vector<float> source = read(name, {in, out});
    std::vector<float> result(source.size());
    for (std::int64_t i = 0; i < in; ++i) {
      for (std::int64_t o = 0; o < out; ++o) {
        result[static_cast<std::size_t>(o * in + i)] = source[static_cast<std::size_t>(i * out + o)];
      }
    }
    return result;
  }
  NormWeights norm(const std::string& name, std::int64_t size) {
    NormWeights norm;
    norm.weight = aligned(vector(name + ".weight", size));
    if (config_.layer_norm) norm.bias = aligned(vector(name + ".bias", size));
    return norm;
  }
  // Of a layer, in its format. `values` gives [out, in].
  template <class Values>
  StoredMatrix stored(const std::string& name, std::int64_t out, std::int64_t in, const Values& values) {
    const WeightFormat& format = build_.formats.layers;
    if (std::optional<StoredMatrix> matrix = build_.hooks.matrix(name, out, in, format)) {
      parameters_ += static_cast<double>(out) * static_cast<double>(in);
      return *std::move(matrix);
    }
    return round_to_nearest(values(), out, in, format);
  }
  StoredMatrix stored(const std::string& name, std::int64_t out, std::int64_t in) {
    return stored(name, out, in, [&] { return matrix(name, out, in); });
  }
  // Of the layers, called as its first matrix.
  std::unique_ptr<Linear> layer(const std::string& name, std::unique_ptr<Linear> linear) const {
    return build_.hooks.observed(name, std::move(linear));
  }
  static AlignedFloats aligned(const std::vector<float>& values) {
    AlignedFloats result(static_cast<std::int64_t>(values.size()));
    std::copy(values.begin(), values.end(), result.data());
    return result;
  }

 private:
  std::vector<float> read(const std::string& name, const Shape& shape) {
    std::vector<float> values = source_(name, shape);
    parameters_ += static_cast<double>(values.size());
    return values;
  }

  const DecoderConfig& config_;
  const WeightSource& source_;
  const DecoderBuild& build_;
  double parameters_ = 0;
};

void append(std::vector<float>& to, const std::vector<float>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

LayerWeights load_llama_layer(const DecoderConfig& c, Loader& loader, const std::string& layer) {
  LayerWeights weights;
  const std::string attention = layer + ".self_attn.", mlp = layer + ".mlp.";
  weights.attention_norm = loader.norm(layer + ".input_layernorm", c.hidden);
  weights.mlp_norm = loader.norm(layer + ".post_attention_layernorm", c.hidden);
  if (c.qk_norm) {
    weights.query_norm = loader.norm(attention + "q_norm", c.head_dim);
    weights.key_norm = loader.norm(attention + "k_norm", c.head_dim);
  }
  StoredMatrix qkv = loader.stored(attention + "q_proj.weight", c.query_size(), c.hidden);
  qkv.append(loader.stored(attention + "k_proj.weight", c.kv_size(), c.hidden));
  qkv.append(loader.stored(attention + "v_proj.weight", c.kv_size(), c.hidden));
  std::vector<float> bias = loader.vector_if(c.qkv_bias, attention + "q_proj.bias", c.query_size());
  append(bias, loader.vector_if(c.qkv_bias, attention + "k_proj.bias", c.kv_size()));
  append(bias, loader.vector_if(c.qkv_bias, attention + "v_proj.bias", c.kv_size()));
  weights.qkv = loader.layer(attention + "q_proj.weight", make_linear(std::move(qkv), std::move(bias)));
  weights.out = loader.layer(attention + "o_proj.weight",
                             make_linear(loader.stored(attention + "o_proj.weight", c.hidden, c.query_size()),
                                         loader.vector_if(c.out_bias, attention + "o_proj.bias", c.hidden)));
  weights.mlp_in =
      loader.layer(mlp + "gate_proj.weight",
                   make_gated_linear(loader.stored(mlp + "gate_proj.weight", c.intermediate, c.hidden),
                                     loader.stored(mlp + "up_proj.weight", c.intermediate, c.hidden),
                                     loader.vector_if(c.mlp_bias, mlp + "gate_proj.bias", c.intermediate),
                                     loader.vector_if(c.mlp_bias, mlp + "up_proj.bias", c.intermediate), c.activation));
  weights.mlp_out = loader.layer(mlp + "down_proj.weight",
                                 make_linear(loader.stored(mlp + "down_proj.weight", c.hidden, c.intermediate),
                                             loader.vector_if(c.mlp_bias, mlp + "down_proj.bias", c.hidden)));
  return weights;
}

LayerWeights load_gpt2_layer(const DecoderConfig& c, Loader& loader, const std::string& layer) {
  LayerWeights weights;
  weights.attention_norm = loader.norm(layer + ".ln_1", c.hidden);
  weights.mlp_norm = loader.norm(layer + ".ln_2", c.hidden);
  const auto conv = [&](const std::string& name, std::int64_t in, std::int64_t out, Activation activation) {
    const std::string weight = layer + name + ".weight";
    return loader.layer(weight,
                        make_linear(loader.stored(weight, out, in, [&] { return loader.transposed(weight, out, in); }),
                                    loader.vector(layer + name + ".bias", out), activation));
  };
  weights.qkv = conv(".attn.c_attn", c.hidden, 3 * c.hidden, Activation::none);
  weights.out = conv(".attn.c_proj", c.hidden, c.hidden, Activation::none);
  weights.mlp_in = conv(".mlp.c_fc", c.hidden, c.intermediate, c.activation);
  weights.mlp_out = conv(".mlp.c_proj", c.intermediate, c.hidden, Activation::none);
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

void Decoder::Weights::embed(std::int32_t token, std::int64_t position, float* out) const {
  if (embedding.size() > 0) {
    std::copy_n(embedding.data() + token * config.hidden, config.hidden, out);
  } else {
    head->weight_row(token, out);
  }
  if (positions.size() > 0) {
    const float* row = positions.data() + position * config.hidden;
    for (std::int64_t i = 0; i < config.hidden; ++i) out[i] += row[i];
  }
}

double Decoder::Weights::norm_bytes() const {
  return bytes_of(final_norm.weight) + bytes_of(final_norm.bias);
}

std::string DecoderFormats::name() const {
  std::string name = layers.name();
  if (head != layers) name += ", head " + head.name();
  if (cache == CacheFormat::int8) name += ", kv_cache int8";
  return name;
}

std::shared_ptr<const Decoder> Decoder::build(DecoderConfig config, const WeightSource& source,
                                              const DecoderBuild& build) {
  std::shared_ptr<Decoder> decoder(new Decoder());
  Weights& w = *decoder->weights_;
  w.config = std::move(config);
  w.formats = build.formats;
  const DecoderConfig& c = w.config;
  Loader loader(c, source, build);
  const auto head = [&](std::vector<float> weight) {
    return make_linear(round_to_nearest(std::move(weight), c.vocab, c.hidden, build.formats.head), {});
  };
  const bool gpt2 = c.family == "gpt2";
  std::vector<float> embedding =
      loader.matrix(gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight", c.vocab, c.hidden);
  if (c.tied_head) {
    w.head = head(std::move(embedding));
  } else {
    w.embedding = Loader::aligned(embedding);
    embedding = {};
    w.head = head(loader.matrix("lm_head.weight", c.vocab, c.hidden));
  }
  if (c.learned_positions) {
    w.positions = Loader::aligned(loader.matrix("transformer.wpe.weight", c.max_positions, c.hidden));
  }
  for (std::int64_t l = 0; l < c.layers; ++l) {
    const std::string index = std::to_string(l);
    w.layers.push_back(gpt2 ? load_gpt2_layer(c, loader, "transformer.h." + index)
                            : load_llama_layer(c, loader, "model.layers." + index));
  }
  w.final_norm = loader.norm(gpt2 ? "transformer.ln_f" : "model.norm", c.hidden);
  w.parameters = loader.parameters();
  return decoder;
}

Decoder::Decoder() : weights_(std::make_unique<Weights>()) {}
Decoder::~Decoder() = default;

const DecoderConfig& Decoder::config() const {
  return weights_->config;
}
const DecoderFormats& Decoder::formats() const {
  return weights_->formats;
}
double Decoder::parameters() const {
  return weights_->parameters;
}

double Decoder::weight_bytes() const {
  double bytes = static_cast<double>(weights_->head->weight_bytes()) + weights_->norm_bytes();
  for (const LayerWeights& layer : weights_->layers) bytes += layer.weight_bytes();
  return bytes;
}

double Decoder::memory_bytes() const {
  return weight_bytes() + bytes_of(weights_->embedding) + bytes_of(weights_->positions);
}

}  // namespace dynexec
