// config.json of a U-Net in diffusers' layout (UNet2DConditionModel).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dynexec::diffusers {

// A resolution on the way down; the way up mirrors the numbers.
struct UNetLevelConfig {
  std::int64_t channels = 0;
  std::int64_t resnets = 2;                   // on the way up one more
  std::int64_t heads = 8;                     // attention heads
  std::int64_t transformers = 1;              // layers of each transformer
  bool down_cross = false, up_cross = false;  // whether transformers follow the residual blocks
};

enum class UNetMiddle { none, plain, cross };

struct UNetConfig {
  std::int64_t in_channels = 4, out_channels = 4;
  std::int64_t sample_size = 0;         // side of the latents it was trained on, 0 when not told
  std::vector<UNetLevelConfig> levels;  // from the finest
  UNetMiddle middle = UNetMiddle::cross;
  std::int64_t context = 1280;  // width of the prompt's states
  std::int64_t groups = 32;
  double epsilon = 1e-5;
  bool linear_projection = false;
  std::int64_t downsample_padding = 1;
  bool cosine_first = true;  // flip_sin_to_cos
  double freq_shift = 0;
  std::int64_t time_width = 0;  // of the time embedding

  bool cross_attends() const;
};

// Error(model) naming the key.
UNetConfig parse_unet_config(const nlohmann::json& config, const std::string& where);

// Keys that change the network and are supported at one value only, which is also what they are when absent.
struct FixedKey {
  const char* key;
  nlohmann::json value;
};
void refuse_other_values(const nlohmann::json& config, const std::vector<FixedKey>& keys, const std::string& where);

}  // namespace dynexec::diffusers
