#include "models/diffusion/unet_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "models/json_fields.hpp"

namespace dynexec::diffusers {
namespace {

constexpr std::int64_t kMaxChannels = 65536, kMaxLayers = 64, kMaxHeads = 4096, kMaxSize = 1 << 16;
constexpr std::size_t kMaxLevels = 16;

void refuse_unsupported(const JsonFields& fields) {
  refuse_other_values(fields.object(),
                      {{"center_input_sample", false},
                       {"only_cross_attention", false},
                       {"mid_block_only_cross_attention", nullptr},
                       {"mid_block_scale_factor", 1},
                       {"reverse_transformer_layers_per_block", nullptr},
                       {"encoder_hid_dim", nullptr},
                       {"encoder_hid_dim_type", nullptr},
                       {"num_attention_heads", nullptr},
                       {"dual_cross_attention", false},
                       {"class_embed_type", nullptr},
                       {"num_class_embeds", nullptr},
                       {"addition_embed_type", nullptr},
                       {"resnet_time_scale_shift", "default"},
                       {"resnet_skip_time_act", false},
                       {"resnet_out_scale_factor", 1},
                       {"time_embedding_type", "positional"},
                       {"time_embedding_act_fn", nullptr},
                       {"timestep_post_act", nullptr},
                       {"time_cond_proj_dim", nullptr},
                       {"conv_in_kernel", 3},
                       {"conv_out_kernel", 3},
                       {"attention_type", "default"},
                       {"class_embeddings_concat", false},
                       {"cross_attention_norm", nullptr}},
                      fields.where());
  const std::string activation = fields.text("act_fn", "silu");
  if (activation != "silu" && activation != "swish")
    fields.refuse("act_fn", "the activation '" + activation + "' is not supported", "use a U-Net with silu");
}

// One value for all levels or one a level.
std::vector<std::int64_t> per_level(const JsonFields& fields, const std::string& key, std::size_t levels,
                                    std::int64_t low, std::int64_t high, std::int64_t absent) {
  std::vector<std::int64_t> values = fields.integers(key, low, high);
  if (values.empty()) values = {absent};
  if (!fields.has(key) || !fields.object().at(key).is_array()) values.resize(levels, values[0]);
  if (values.size() != levels)
    fields.refuse(key, fmt::format("{} values for {} blocks", values.size(), levels), "give one value a block");
  return values;
}

// Whether each block has cross-attention.
std::vector<bool> cross_of(const JsonFields& fields, const std::string& key, const std::string& way) {
  const std::string plain = way + "Block2D", cross = "CrossAttn" + plain;
  std::vector<bool> result;
  for (const std::string& type : fields.texts(key)) {
    if (type != plain && type != cross)
      fields.refuse(key, "the block type '" + type + "' is not supported", "supported are " + plain + " and " + cross);
    result.push_back(type == cross);
  }
  if (result.empty()) {
    result = {true, true, true, false};
    if (way == "Up") std::reverse(result.begin(), result.end());
  }
  if (result.size() > kMaxLevels) fields.refuse(key, "too many blocks", "use a U-Net with at most 16 levels");
  return result;
}

UNetMiddle parse_middle(const JsonFields& fields) {
  const auto found = fields.object().find("mid_block_type");
  if (found != fields.object().end() && found->is_null()) return UNetMiddle::none;
  const std::string type = fields.text("mid_block_type", "UNetMidBlock2DCrossAttn");
  if (type == "UNetMidBlock2DCrossAttn") return UNetMiddle::cross;
  if (type == "UNetMidBlock2D") return UNetMiddle::plain;
  fields.refuse("mid_block_type", "the block type '" + type + "' is not supported",
                "supported are UNetMidBlock2DCrossAttn, UNetMidBlock2D and null");
}

// Width of the prompt's states; the same in every block.
std::int64_t parse_context(const JsonFields& fields, const UNetConfig& config) {
  const auto found = fields.object().find("cross_attention_dim");
  if (found != fields.object().end() && found->is_null() && config.cross_attends())
    fields.refuse("cross_attention_dim", "null, but there are blocks with cross-attention",
                  "restore config.json from the model's publisher");
  const auto widths = per_level(fields, "cross_attention_dim", config.levels.size(), 1, kMaxChannels, 1280);
  for (const std::int64_t width : widths)
    if (width != widths[0])
      fields.refuse("cross_attention_dim", "blocks of different widths are not supported",
                    "use a U-Net with one width");
  return widths[0];
}

void parse_levels(const JsonFields& fields, UNetConfig& config) {
  const std::vector<bool> down = cross_of(fields, "down_block_types", "Down");
  std::vector<bool> up = cross_of(fields, "up_block_types", "Up");
  const std::size_t count = down.size();
  if (up.size() != count)
    fields.refuse("up_block_types", fmt::format("{} blocks up, but {} down", up.size(), count),
                  "give as many up blocks as down blocks");
  std::reverse(up.begin(), up.end());
  std::vector<std::int64_t> channels = fields.integers("block_out_channels", 1, kMaxChannels);
  if (channels.empty()) channels = {320, 640, 1280, 1280};
  if (channels.size() != count)
    fields.refuse("block_out_channels", fmt::format("{} values for {} blocks", channels.size(), count),
                  "give one value a block");
  const auto resnets = per_level(fields, "layers_per_block", count, 1, kMaxLayers, 2);
  const auto transformers = per_level(fields, "transformer_layers_per_block", count, 1, kMaxLayers, 1);
  // The key has always held the number of heads, whatever its name says.
  const auto heads = per_level(fields, "attention_head_dim", count, 1, kMaxHeads, 8);
  for (std::size_t i = 0; i < count; ++i)
    config.levels.push_back({channels[i], resnets[i], heads[i], transformers[i], down[i], up[i]});
}

void check_sizes(const JsonFields& fields, const UNetConfig& config) {
  for (std::size_t i = 0; i < config.levels.size(); ++i) {
    const UNetLevelConfig& level = config.levels[i];
    if (level.channels % config.groups != 0)
      fields.refuse("norm_num_groups",
                    fmt::format("{} channels cannot be split into {} groups", level.channels, config.groups),
                    "choose a number of groups that divides every block's channels");
    const bool last = i + 1 == config.levels.size();
    const bool attends = level.down_cross || level.up_cross || (last && config.middle == UNetMiddle::cross);
    if (attends && level.channels % level.heads != 0)
      fields.refuse("attention_head_dim",
                    fmt::format("{} channels cannot be split into {} heads", level.channels, level.heads),
                    "the key holds the number of heads: choose one that divides the block's channels");
  }
  if (config.levels[0].channels % 2 != 0)
    fields.refuse("block_out_channels", "the first block has an odd number of channels",
                  "the time embedding needs pairs of sine and cosine: choose an even number");
}

}  // namespace

bool UNetConfig::cross_attends() const {
  return middle == UNetMiddle::cross || std::any_of(levels.begin(), levels.end(), [](const UNetLevelConfig& level) {
           return level.down_cross || level.up_cross;
         });
}

void refuse_other_values(const nlohmann::json& config, const std::vector<FixedKey>& keys, const std::string& where) {
  for (const auto& [key, value] : keys) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null() || *found == value) continue;
    JsonFields(config, where).refuse(key, "only " + value.dump() + " is supported", "use a checkpoint without it");
  }
}

UNetConfig parse_unet_config(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  refuse_unsupported(fields);
  UNetConfig config;
  config.in_channels = fields.integer("in_channels", 1, kMaxChannels, 4);
  config.out_channels = fields.integer("out_channels", 1, kMaxChannels, 4);
  const auto sizes = fields.integers("sample_size", 1, kMaxSize);
  if (!sizes.empty()) config.sample_size = *std::max_element(sizes.begin(), sizes.end());
  parse_levels(fields, config);
  config.middle = parse_middle(fields);
  config.context = parse_context(fields, config);
  const auto groups = json.find("norm_num_groups");
  if (groups != json.end() && groups->is_null())
    fields.refuse("norm_num_groups", "networks without normalisation are not supported", "give a number of groups");
  config.groups = fields.integer("norm_num_groups", 1, kMaxChannels, 32);
  config.epsilon = fields.number("norm_eps", 0, 1, 1e-5);
  config.linear_projection = fields.boolean("use_linear_projection", false);
  config.downsample_padding = fields.integer("downsample_padding", 0, 1, 1);
  config.cosine_first = fields.boolean("flip_sin_to_cos", true);
  config.freq_shift = fields.number("freq_shift", 0, 1, 0);
  check_sizes(fields, config);
  config.time_width = fields.integer("time_embedding_dim", 1, kMaxChannels * 4, 4 * config.levels[0].channels);
  return config;
}

}  // namespace dynexec::diffusers
