#include "models/diffusion/image_decoder.hpp"

#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec::diffusers {
namespace {

constexpr double kEpsilon = 1e-6;  // fixed in the layout

// Checkpoints from before 2023 name the layers of the attention otherwise.
Dense take_projection(TensorSource& source, const std::string& name, const char* now, const char* before,
                      std::int64_t width) {
  const bool old = !source.has(name + now + ".weight") && source.has(name + before + ".weight");
  return source.dense(name + (old ? before : now), width, width);
}

MapAttention take_attention(TensorSource& source, const std::string& name, std::int64_t width, std::int64_t groups) {
  MapAttention block;
  block.norm = source.norm(name + "group_norm", width, groups, kEpsilon);
  block.query = take_projection(source, name, "to_q", "query", width);
  block.key = take_projection(source, name, "to_k", "key", width);
  block.value = take_projection(source, name, "to_v", "value", width);
  block.out = take_projection(source, name, "to_out.0", "proj_attn", width);
  return block;
}

at::Tensor run_attention(const MapAttention& block, const at::Tensor& x, Cost& cost) {
  const at::Tensor places = to_places(norm(block.norm, x, cost));
  const at::Tensor key = split_heads(dense(block.key, places, cost), 1);
  const at::Tensor value = split_heads(dense(block.value, places, cost), 1);
  const at::Tensor mixed = attend(dense(block.query, places, cost), key, value, false, cost);
  return x + to_map(dense(block.out, mixed, cost), x.size(2), x.size(3));
}

}  // namespace

ImageDecoderWeights take_image_decoder(const ImageDecoderConfig& config, TensorSource& source) {
  ImageDecoderWeights weights;
  weights.config = config;
  const auto resnet = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    return take_resnet(source, name, {in, out, 0, config.groups, kEpsilon});
  };
  const std::int64_t widest = config.channels.back();
  if (config.post_conv)
    weights.post = source.pointwise("post_quant_conv", config.latent_channels, config.latent_channels);
  weights.in = source.conv("decoder.conv_in", widest, config.latent_channels);
  weights.middle1 = resnet("decoder.mid_block.resnets.0", widest, widest);
  if (config.middle_attention)
    weights.attention = take_attention(source, "decoder.mid_block.attentions.0.", widest, config.groups);
  weights.middle2 = resnet("decoder.mid_block.resnets.1", widest, widest);
  std::int64_t in = widest;
  for (std::size_t i = 0; i < config.channels.size(); ++i) {
    const std::int64_t out = config.channels[config.channels.size() - 1 - i];
    const std::string name = fmt::format("decoder.up_blocks.{}", i);
    ImageDecoderLevel level;
    for (std::int64_t j = 0; j <= config.resnets; ++j)
      level.resnets.push_back(resnet(fmt::format("{}.resnets.{}", name, j), j == 0 ? in : out, out));
    if (i + 1 < config.channels.size()) level.resample = source.conv(name + ".upsamplers.0.conv", out, out);
    weights.levels.push_back(std::move(level));
    in = out;
  }
  weights.out_norm = source.norm("decoder.conv_norm_out", in, config.groups, kEpsilon);
  weights.out = source.conv("decoder.conv_out", config.out_channels, in);
  return weights;
}

at::Tensor decode_image(const ImageDecoderWeights& weights, const at::Tensor& latents, Cost& cost) {
  const at::Tensor untimed;
  at::Tensor x = latents.contiguous(at::MemoryFormat::ChannelsLast) / weights.config.scaling + weights.config.shift;
  if (weights.post) x = pointwise(*weights.post, x, cost);
  x = run_resnet(weights.middle1, conv(weights.in, x, cost), untimed, cost);
  if (weights.attention) x = run_attention(*weights.attention, x, cost);
  x = run_resnet(weights.middle2, x, untimed, cost);
  for (const ImageDecoderLevel& level : weights.levels) {
    for (const ResnetBlock& block : level.resnets) x = run_resnet(block, x, untimed, cost);
    if (level.resample) x = upsample(*level.resample, x, 2 * x.size(2), 2 * x.size(3), cost);
  }
  x = norm_silu(weights.out_norm, x, cost);
  return conv(weights.out, x, cost).contiguous();
}

std::shared_ptr<const ImageDecoder> ImageDecoder::load(const ModelFolder& folder) {
  const auto config = parse_image_decoder_config(folder.config(), (folder.path() / "config.json").string());
  FolderSource source(folder);
  ImageDecoderWeights weights = take_image_decoder(config, source);
  source.refuse_rest({"encoder.", "quant_conv."});
  return std::shared_ptr<const ImageDecoder>(new ImageDecoder(std::move(weights), source.parameters()));
}

std::shared_ptr<const ImageDecoder> ImageDecoder::load(const std::filesystem::path& folder) {
  return load(ModelFolder::open(folder));
}

at::Tensor ImageDecoder::decode(const at::Tensor& latents, Cost& cost) const {
  const c10::InferenceMode guard;
  if (latents.dim() != 4 || latents.scalar_type() != at::kFloat || latents.size(1) != config().latent_channels)
    throw Error(ErrorKind::internal,
                fmt::format("the latents are no fp32 map of {} channels", config().latent_channels), "image decoder",
                "");
  return decode_image(weights_, latents, cost);
}

}  // namespace dynexec::diffusers
