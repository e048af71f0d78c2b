#include <fmt/format.h>

#include "models/diffusion/image_decoder.hpp"
#include "models/diffusion/unet_config.hpp"
#include "models/json_fields.hpp"

namespace dynexec::diffusers {
namespace {

constexpr std::int64_t kMaxChannels = 65536, kMaxLayers = 64;
constexpr std::size_t kMaxLevels = 16;
constexpr double kMaxScale = 1e6;

void check_blocks(const JsonFields& fields, const ImageDecoderConfig& config) {
  const std::size_t count = config.channels.size();
  if (count > kMaxLevels)
    fields.refuse("block_out_channels", "too many blocks", "use an autoencoder with at most 16 levels");
  const std::vector<std::string> types = fields.texts("up_block_types");
  for (const std::string& type : types)
    if (type != "UpDecoderBlock2D")
      fields.refuse("up_block_types", "the block type '" + type + "' is not supported",
                    "supported is UpDecoderBlock2D");
  if (!types.empty() && types.size() != count)
    fields.refuse("up_block_types", fmt::format("{} blocks for {} channel counts", types.size(), count),
                  "give one block for each value of block_out_channels");
  for (const std::int64_t channels : config.channels)
    if (channels % config.groups != 0)
      fields.refuse("norm_num_groups",
                    fmt::format("{} channels cannot be split into {} groups", channels, config.groups),
                    "choose a number of groups that divides every block's channels");
}

}  // namespace

ImageDecoderConfig parse_image_decoder_config(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  refuse_other_values(json, {{"latents_mean", nullptr}, {"latents_std", nullptr}, {"quantization_config", nullptr}},
                      where);
  const std::string activation = fields.text("act_fn", "silu");
  if (activation != "silu" && activation != "swish")
    fields.refuse("act_fn", "the activation '" + activation + "' is not supported", "use an autoencoder with silu");
  ImageDecoderConfig config;
  config.latent_channels = fields.integer("latent_channels", 1, kMaxChannels, 4);
  config.out_channels = fields.integer("out_channels", 1, kMaxChannels, 3);
  config.channels = fields.integers("block_out_channels", 1, kMaxChannels);
  if (config.channels.empty()) config.channels = {64};
  config.resnets = fields.integer("layers_per_block", 1, kMaxLayers, 1);
  config.groups = fields.integer("norm_num_groups", 1, kMaxChannels, 32);
  config.scaling = fields.number("scaling_factor", 1e-6, kMaxScale, 0.18215);
  config.shift = fields.number("shift_factor", -kMaxScale, kMaxScale, 0);
  config.post_conv = fields.boolean("use_post_quant_conv", true);
  config.middle_attention = fields.boolean("mid_block_add_attention", true);
  check_blocks(fields, config);
  return config;
}

}  // namespace dynexec::diffusers
