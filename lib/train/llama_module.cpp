#include "train/llama_module.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/random.hpp"

namespace dynexec {
namespace {

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, bool bf16) {
  return bf16 ? at::linear(x, weight.to(at::kBFloat16)) : at::linear(x, weight);
}

at::Tensor normal_tensor(std::vector<std::int64_t> shape, double deviation, std::uint64_t seed, std::uint64_t index) {
  at::Tensor tensor = at::empty(shape);
  RandomStream random(seed, index, 0, static_cast<std::uint32_t>(Purpose::weights));
  float* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  return tensor;
}

at::Tensor read_tensor(const ModelFolder& folder, const std::string& name, std::vector<std::int64_t> shape) {
  const TensorView view = folder.require(name, shape);
  at::Tensor tensor = at::empty(shape);
  copy_as_f32(view, {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  return tensor;
}

// Makes `head` of the fused projection attend to `offset` tokens back. Every embedding carries the same value in its
// first column (harmless to the tied head, whose softmax ignores a common shift), so after the norm that column is the
// constant `level`. From it the query and the key get fixed vectors, apart by the rotation of `offset` positions in
// each of RoPE's planes: the score is a sum of cos((distance - offset) * rate), largest at distance == offset.
void point_back(at::Tensor& qkv, const LlamaShape& shape, std::int64_t head, std::int64_t offset, double level) {
  constexpr double kSharpness = 5;  // the neighbours' scores lie about 3 below the peak
  const std::int64_t dim = shape.head_dim(), half = dim / 2, columns = shape.width;
  const std::int64_t key_head = shape.heads + head / (shape.heads / shape.kv_heads);
  float* values = qkv.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < half; ++i) {
    const double rate = std::pow(shape.rope_theta, -static_cast<double>(i) / static_cast<double>(half));
    const double angle = -static_cast<double>(offset) * rate;
    values[(head * dim + i) * columns] = static_cast<float>(kSharpness * std::cos(angle) / level);
    values[(head * dim + i + half) * columns] = static_cast<float>(kSharpness * std::sin(angle) / level);
    values[(key_head * dim + i) * columns] = static_cast<float>(kSharpness / level);
    values[(key_head * dim + i + half) * columns] = 0;
  }
}

std::int64_t size_of(const nlohmann::json& config, const char* key, const std::filesystem::path& folder) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number_integer() || found->get<std::int64_t>() < 1 ||
      found->get<std::int64_t>() > (1 << 24)) {
    throw Error(ErrorKind::model, std::string("config.json has no usable ") + key, folder.string(),
                "the teacher must be a Llama folder that dynexec train has written");
  }
  return found->get<std::int64_t>();
}

}  // namespace

std::int64_t LlamaShape::parameters() const {
  const std::int64_t kv = kv_heads * head_dim();
  return vocab * width + width + layers * (2 * width * width + 2 * kv * width + 3 * ffn * width + 2 * width);
}

void LlamaShape::check() const {
  const auto fail = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::config, what, "model", hint);
  };
  if (vocab < 1 || width < 1 || layers < 1 || heads < 1 || kv_heads < 1 || ffn < 1 || max_positions < 1) {
    fail("every size of the model must be at least 1", "check width, layers, heads, kv_heads, ffn, max_positions");
  }
  if (width % heads != 0 || head_dim() % 2 != 0) {
    fail("width must be an even multiple of heads", "choose width / heads = 32 or 64, for example");
  }
  if (heads % kv_heads != 0) fail("heads must be a multiple of kv_heads", "choose kv_heads that divides heads");
}

LlamaModule::LlamaModule(const LlamaShape& shape) : shape_(shape) {
  shape_.check();
  const std::int64_t half = shape_.head_dim() / 2;
  cos_ = at::empty({shape_.max_positions, 2 * half});
  sin_ = at::empty({shape_.max_positions, 2 * half});
  float* cosine = cos_.mutable_data_ptr<float>();
  float* sine = sin_.mutable_data_ptr<float>();
  for (std::int64_t position = 0; position < shape_.max_positions; ++position) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double rate = std::pow(shape_.rope_theta, -static_cast<double>(i) / static_cast<double>(half));
      const double angle = static_cast<double>(position) * rate;
      const std::int64_t at = position * 2 * half + i;
      cosine[at] = cosine[at + half] = static_cast<float>(std::cos(angle));
      sine[at] = static_cast<float>(-std::sin(angle));
      sine[at + half] = static_cast<float>(std::sin(angle));
    }
  }
}

LlamaModule::LlamaModule(const LlamaShape& shape, std::uint64_t seed) : LlamaModule(shape) {
  const std::int64_t width = shape_.width, kv = shape_.kv_heads * shape_.head_dim();
  const double deviation = 0.02, residual = deviation / std::sqrt(2.0 * static_cast<double>(shape_.layers));
  std::uint64_t index = 0;
  embedding_ = normal_tensor({shape_.vocab, width}, deviation, seed, index++);
  final_norm_ = at::ones({width});
  for (std::int64_t i = 0; i < shape_.layers; ++i) {
    Layer layer;
    layer.input_norm = at::ones({width});
    layer.qkv = normal_tensor({width + 2 * kv, width}, deviation, seed, index++);
    layer.out = normal_tensor({width, width}, residual, seed, index++);
    layer.post_norm = at::ones({width});
    layer.gate_up = normal_tensor({2 * shape_.ffn, width}, deviation, seed, index++);
    layer.down = normal_tensor({width, shape_.ffn}, residual, seed, index++);
    layers_.push_back(std::move(layer));
  }
  // The first layer's heads 1 and 2 tokens back (with key-value heads of their own, as far as there are any).
  const double common = deviation * std::sqrt(static_cast<double>(width) / 3);
  embedding_.select(1, 0).fill_(common);
  const double level = std::sqrt(static_cast<double>(width)) / 2;  // common / rms, as 1/4 of the energy is common
  const std::int64_t group = shape_.heads / shape_.kv_heads, dim = shape_.head_dim();
  for (std::int64_t back = 1; back <= std::min<std::int64_t>(2, shape_.kv_heads); ++back) {
    const std::int64_t head = (back - 1) * group;
    point_back(layers_[0].qkv, shape_, head, back, level);
    layers_[0].out.narrow(1, head * dim, dim).mul_(4);
  }
  list_parameters();
  for (auto& [name, tensor] : parameters_) tensor.requires_grad_(true);
}

LlamaModule LlamaModule::from_folder(const std::filesystem::path& path) {
  const ModelFolder folder = ModelFolder::open(path);
  const nlohmann::json& config = folder.config();
  LlamaShape shape;
  shape.vocab = size_of(config, "vocab_size", path);
  shape.width = size_of(config, "hidden_size", path);
  shape.layers = size_of(config, "num_hidden_layers", path);
  shape.heads = size_of(config, "num_attention_heads", path);
  shape.kv_heads = size_of(config, "num_key_value_heads", path);
  shape.ffn = size_of(config, "intermediate_size", path);
  shape.max_positions = size_of(config, "max_position_embeddings", path);
  shape.rope_theta = config.value("rope_theta", 10000.0);
  shape.norm_eps = config.value("rms_norm_eps", 1e-5);
  LlamaModule module(shape);
  const std::int64_t width = shape.width, kv = shape.kv_heads * shape.head_dim();
  module.embedding_ = read_tensor(folder, "model.embed_tokens.weight", {shape.vocab, width});
  module.final_norm_ = read_tensor(folder, "model.norm.weight", {width});
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    const auto read = [&](const char* name, std::vector<std::int64_t> sizes) {
      return read_tensor(folder, prefix + name + ".weight", std::move(sizes));
    };
    Layer layer;
    layer.input_norm = read("input_layernorm", {width});
    layer.qkv = at::cat({read("self_attn.q_proj", {width, width}), read("self_attn.k_proj", {kv, width}),
                         read("self_attn.v_proj", {kv, width})});
    layer.out = read("self_attn.o_proj", {width, width});
    layer.post_norm = read("post_attention_layernorm", {width});
    layer.gate_up = at::cat({read("mlp.gate_proj", {shape.ffn, width}), read("mlp.up_proj", {shape.ffn, width})});
    layer.down = read("mlp.down_proj", {width, shape.ffn});
    module.layers_.push_back(std::move(layer));
  }
  module.list_parameters();
  return module;
}

void LlamaModule::copy_from(const LlamaModule& other) {
  const c10::NoGradGuard no_grad;
  const auto same = [&](std::size_t i) { return parameters_[i].second.sizes() == other.parameters_[i].second.sizes(); };
  bool fits = parameters_.size() == other.parameters_.size();
  for (std::size_t i = 0; fits && i < parameters_.size(); ++i) fits = same(i);
  if (!fits || shape_.heads != other.shape_.heads) {
    throw Error(ErrorKind::config, "the weights to start from belong to a network of another shape", "start_from",
                "give both configs the same model section and tokenizer");
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i].second.copy_(other.parameters_[i].second);
}

void LlamaModule::list_parameters() {
  parameters_ = {{"embedding", embedding_}, {"final_norm", final_norm_}};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string prefix = "layers." + std::to_string(i) + ".";
    const Layer& layer = layers_[i];
    parameters_.insert(parameters_.end(), {{prefix + "input_norm", layer.input_norm},
                                           {prefix + "qkv", layer.qkv},
                                           {prefix + "out", layer.out},
                                           {prefix + "post_norm", layer.post_norm},
                                           {prefix + "gate_up", layer.gate_up},
                                           {prefix + "down", layer.down}});
  }
}

std::map<std::string, std::vector<std::int64_t>> LlamaModule::row_blocks() const {
  const std::int64_t width = shape_.width, kv = shape_.kv_heads * shape_.head_dim();
  std::map<std::string, std::vector<std::int64_t>> blocks;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string prefix = "layers." + std::to_string(i) + ".";
    blocks[prefix + "qkv"] = {width, kv, kv};
    blocks[prefix + "out"] = {width};
    blocks[prefix + "gate_up"] = {shape_.ffn, shape_.ffn};
    blocks[prefix + "down"] = {width};
  }
  return blocks;
}

std::vector<std::pair<std::string, at::Tensor>> LlamaModule::exported() const {
  const c10::NoGradGuard no_grad;
  const std::int64_t width = shape_.width, kv = shape_.kv_heads * shape_.head_dim(), ffn = shape_.ffn;
  std::vector<std::pair<std::string, at::Tensor>> list{{"model.embed_tokens.weight", embedding_}};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string prefix = "model.layers." + std::to_string(i) + ".";
    const Layer& layer = layers_[i];
    list.insert(list.end(), {{prefix + "input_layernorm.weight", layer.input_norm},
                             {prefix + "self_attn.q_proj.weight", layer.qkv.narrow(0, 0, width)},
                             {prefix + "self_attn.k_proj.weight", layer.qkv.narrow(0, width, kv)},
                             {prefix + "self_attn.v_proj.weight", layer.qkv.narrow(0, width + kv, kv)},
                             {prefix + "self_attn.o_proj.weight", layer.out},
                             {prefix + "post_attention_layernorm.weight", layer.post_norm},
                             {prefix + "mlp.gate_proj.weight", layer.gate_up.narrow(0, 0, ffn)},
                             {prefix + "mlp.up_proj.weight", layer.gate_up.narrow(0, ffn, ffn)},
                             {prefix + "mlp.down_proj.weight", layer.down}});
  }
  list.emplace_back("model.norm.weight", final_norm_);
  return list;
}

at::Tensor LlamaModule::attention(const at::Tensor& qkv) const {
  const std::int64_t batch = qkv.size(0), time = qkv.size(1), dim = shape_.head_dim();
  const std::int64_t heads = shape_.heads, kv = shape_.kv_heads, half = dim / 2;
  const at::Tensor cosine = cos_.narrow(0, 0, time), sine = sin_.narrow(0, 0, time);
  // fp32 from here: the library's bf16 attention has a backward pass that is twice as slow on AVX-512 machines.
  const auto parts = qkv.to(at::kFloat).view({batch, time, heads + 2 * kv, dim}).transpose(1, 2);
  const auto rotated = parts.narrow(1, 0, heads + kv);  // [batch, heads + kv, time, dim]
  const auto turned = rotated * cosine + rotated.roll({half}, {-1}) * sine;
  const auto q = turned.narrow(1, 0, heads);
  auto k = turned.narrow(1, heads, kv);
  auto v = parts.narrow(1, heads + kv, kv);
  if (kv != heads) {
    k = k.repeat_interleave(heads / kv, 1);
    v = v.repeat_interleave(heads / kv, 1);
  }
  const auto mixed = at::scaled_dot_product_attention(q, k, v, {}, 0.0, true);
  return mixed.transpose(1, 2).reshape({batch, time, shape_.width});
}

at::Tensor LlamaModule::block(const Layer& layer, const at::Tensor& x, bool bf16) const {
  const auto type = bf16 ? at::kBFloat16 : at::kFloat;
  const auto normed = at::rms_norm(x, {shape_.width}, layer.input_norm, shape_.norm_eps).to(type);
  const auto mixed = attention(product(normed, layer.qkv, bf16)).to(type);
  const auto middle = x + product(mixed, layer.out, bf16);
  const auto inner = at::rms_norm(middle, {shape_.width}, layer.post_norm, shape_.norm_eps).to(type);
  const auto both = product(inner, layer.gate_up, bf16);
  const auto gated = at::silu(both.narrow(-1, 0, shape_.ffn)) * both.narrow(-1, shape_.ffn, shape_.ffn);
  return middle + product(gated, layer.down, bf16);
}

HiddenStates LlamaModule::forward(const at::Tensor& ids, std::int64_t exit_layer, bool bf16) const {
  HiddenStates states;
  at::Tensor x = at::embedding(embedding_, ids);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    x = block(layers_[i], x, bf16);
    if (static_cast<std::int64_t>(i) + 1 == exit_layer) states.early = x;
  }
  states.last = x;
  return states;
}

at::Tensor LlamaModule::logits(const at::Tensor& hidden, bool bf16) const {
  const auto type = bf16 ? at::kBFloat16 : at::kFloat;
  const auto normed = at::rms_norm(hidden, {shape_.width}, final_norm_, shape_.norm_eps).to(type);
  return product(normed, embedding_, bf16).to(at::kFloat);
}

}  // namespace dynexec
