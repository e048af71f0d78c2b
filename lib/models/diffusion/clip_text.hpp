// CLIP's text encoder: token ids to the states that a U-Net attends to.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "models/diffusion/tensor_source.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusers {

struct ClipTextConfig {
  std::int64_t vocab = 49408, width = 512, inner = 2048, layers = 12, heads = 8, positions = 77;
  double epsilon = 1e-5;
  bool quick_gelu = true;  // x * sigmoid(1.702 x); else the exact form
};

// Error(model) naming the key.
ClipTextConfig parse_clip_text_config(const nlohmann::json& config, const std::string& where);

struct ClipTextLayer {
  Norm norm1, norm2;
  Dense query, key, value, out;
  Dense inner, outer;
};

struct ClipTextWeights {
  ClipTextConfig config;
  at::Tensor words, positions;  // [vocab, width], [positions, width]
  std::vector<ClipTextLayer> layers;
  Norm final_norm;
};

ClipTextWeights take_clip_text(const ClipTextConfig& config, TensorSource& source);

// ids [rows, tokens] (int64) -> [rows, tokens, width]; the last `skip` layers are left out, the final norm never is.
at::Tensor encode_clip_text(const ClipTextWeights& weights, const at::Tensor& ids, std::int64_t skip, Cost& cost);

class ClipText {
 public:
  // Loads and checks every tensor. Error(model).
  static std::shared_ptr<const ClipText> load(const ModelFolder& folder);
  static std::shared_ptr<const ClipText> load(const std::filesystem::path& folder);

  const ClipTextConfig& config() const { return weights_.config; }
  double parameters() const { return parameters_; }
  // Texts of equal length, already padded: [rows, tokens, width]. `skip` 1 gives the states of the layer before the
  // last. Error(data) for no text, texts of different or too great length, an id outside the vocabulary.
  at::Tensor encode(std::span<const std::vector<std::int32_t>> texts, Cost& cost, std::int64_t skip = 0) const;

 private:
  ClipText(ClipTextWeights weights, double parameters) : weights_(std::move(weights)), parameters_(parameters) {}
  ClipTextWeights weights_;
  double parameters_;
};

}  // namespace dynexec::diffusers
