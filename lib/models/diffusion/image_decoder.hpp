// The decoder of an AutoencoderKL: latents to pictures. The encoder half of a checkpoint is not read.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "models/diffusion/resnet_block.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusers {

struct ImageDecoderConfig {
  std::int64_t latent_channels = 4, out_channels = 3;
  std::vector<std::int64_t> channels;  // from the finest level
  std::int64_t resnets = 1;            // of a level; one more runs in each
  std::int64_t groups = 32;
  double scaling = 0.18215, shift = 0;  // latents are divided by the one, then raised by the other
  bool post_conv = true, middle_attention = true;

  std::int64_t enlargement() const { return std::int64_t{1} << (channels.size() - 1); }  // of each side
};

// Error(model) naming the key.
ImageDecoderConfig parse_image_decoder_config(const nlohmann::json& config, const std::string& where);

// Attention of one head among the places of a map.
struct MapAttention {
  Norm norm;
  Dense query, key, value, out;
};

struct ImageDecoderLevel {
  std::vector<ResnetBlock> resnets;
  std::optional<Conv> resample;
};

struct ImageDecoderWeights {
  ImageDecoderConfig config;
  std::optional<Dense> post;
  Conv in, out;
  ResnetBlock middle1, middle2;
  std::optional<MapAttention> attention;
  std::vector<ImageDecoderLevel> levels;  // from the coarsest
  Norm out_norm;
};

ImageDecoderWeights take_image_decoder(const ImageDecoderConfig& config, TensorSource& source);

// latents [rows, latent_channels, height, width] as the sampler ends with them -> pictures, about [-1, 1].
at::Tensor decode_image(const ImageDecoderWeights& weights, const at::Tensor& latents, Cost& cost);

class ImageDecoder {
 public:
  // Loads and checks every tensor. Error(model).
  static std::shared_ptr<const ImageDecoder> load(const ModelFolder& folder);
  static std::shared_ptr<const ImageDecoder> load(const std::filesystem::path& folder);

  const ImageDecoderConfig& config() const { return weights_.config; }
  double parameters() const { return parameters_; }  // of the decoder
  // As decode_image, for inference.
  at::Tensor decode(const at::Tensor& latents, Cost& cost) const;

 private:
  ImageDecoder(ImageDecoderWeights weights, double parameters)
      : weights_(std::move(weights)), parameters_(parameters) {}
  ImageDecoderWeights weights_;
  double parameters_;
};

}  // namespace dynexec::diffusers
