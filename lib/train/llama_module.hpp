// A Llama-shaped decoder with gradients: the network that the trainer fits. lib/models runs the exported result.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "weights/model_folder.hpp"

namespace dynexec {

struct LlamaShape {
  std::int64_t vocab = 0, width = 256, layers = 8, heads = 8, kv_heads = 4, ffn = 768, max_positions = 512;
  double rope_theta = 10000, norm_eps = 1e-5;

  std::int64_t head_dim() const { return width / heads; }
  std::int64_t parameters() const;  // the tied head counts once
  void check() const;               // Error(config) for sizes that do not fit together
};

struct HiddenStates {
  at::Tensor early;  // after exit_layer layers, [batch, time, width], fp32; undefined without an exit
  at::Tensor last;   // after all layers
};

class LlamaModule {
 public:
  // Normal(0, 0.02) weights, the two projections into the residual scaled by 1/sqrt(2 layers); seeded.
  LlamaModule(const LlamaShape& shape, std::uint64_t seed);
  // Weights of an exported folder, without gradients (a teacher).
  static LlamaModule from_folder(const std::filesystem::path& folder);
  // Takes over the weights of a module of the same shape. Error(config) for another shape.
  void copy_from(const LlamaModule& other);

  // ids: [batch, time] int64. Products run in bf16 when `bf16`; residual stream, norms and attention stay fp32.
  // exit_layer 0: no early state.
  HiddenStates forward(const at::Tensor& ids, std::int64_t exit_layer, bool bf16) const;
  // Final norm and tied head: hidden [rows, width] -> logits [rows, vocab], fp32.
  at::Tensor logits(const at::Tensor& hidden, bool bf16) const;

  const LlamaShape& shape() const { return shape_; }
  // Leaf tensors by internal name; q, k, v and gate, up are fused along their rows.
  const std::vector<std::pair<std::string, at::Tensor>>& parameters() const { return parameters_; }
  // Rows of the matrices that are fused in each parameter of the layers, by internal name; norms and embedding are not
  // in it.
  std::map<std::string, std::vector<std::int64_t>> row_blocks() const;
  // Weights under the names and shapes of Hugging Face's LlamaForCausalLM, views of the parameters.
  std::vector<std::pair<std::string, at::Tensor>> exported() const;

 private:
  struct Layer {
    at::Tensor input_norm, qkv, out, post_norm, gate_up, down;
  };
  explicit LlamaModule(const LlamaShape& shape);
  at::Tensor block(const Layer& layer, const at::Tensor& x, bool bf16) const;
  at::Tensor attention(const at::Tensor& qkv) const;
  void list_parameters();

  LlamaShape shape_;
  at::Tensor embedding_, final_norm_;
  std::vector<Layer> layers_;
  at::Tensor cos_, sin_;  // [max_positions, head_dim], fp32; sin carries the sign of the half-split rotation
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
};

}  // namespace dynexec
