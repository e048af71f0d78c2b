#include <ATen/ops/zeros.h>

#include <limits>

#include "base/error.hpp"
#include "tests/support/diffusion_fixture.hpp"

using namespace dynexec;
using namespace dynexec::diffusers;

namespace {

// What loading the pipeline is refused with, "" when it is not.
std::string refusal(const PipelineFolder& folder) {
  try {
    load_pipeline(folder.path());
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK(!error.where().empty());
    CHECK(!error.hint().empty());
    return format_error(error);
  }
}

template <class Change>
std::string refusal_after(const Change& change) {
  PipelineFolder folder;
  change(folder);
  folder.write();
  return refusal(folder);
}

bool mentions(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

ErrorKind kind_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::io;
}

}  // namespace

TEST_CASE("a diffusion pipeline as written loads") {
  CHECK(refusal_after([](PipelineFolder&) {}) == "");
}

TEST_CASE("components of a pipeline that are missing or of another kind are named") {
  const auto with = [](const char* name, const nlohmann::json& value) {
    return refusal_after([&](PipelineFolder& folder) { folder.index[name] = value; });
  };
  const nlohmann::json left_out = {nullptr, nullptr};
  for (const char* name : {"unet", "vae", "text_encoder"}) {
    CHECK(mentions(with(name, left_out), name));
    CHECK(mentions(with(name, {"diffusers", "Other"}), "Other"));
    PipelineFolder folder;
    std::filesystem::remove_all(folder.write() / name);
    CHECK(mentions(refusal(folder), std::string("component ") + name));
  }
  CHECK(mentions(with("transformer", {"diffusers", "FluxTransformer2DModel"}), "FluxTransformer2DModel"));
  CHECK(mentions(with("text_encoder_2", {"transformers", "CLIPTextModel"}), "text_encoder_2"));
  CHECK(mentions(refusal_after([](PipelineFolder& folder) {
                   folder.index["_class_name"] = "LatentPipeline";
                   folder.index.erase("text_encoder");
                 }),
                 "attends to text"));
  PipelineFolder folder;
  CHECK(mentions(refusal(folder), "no such pipeline folder"));
  std::filesystem::remove(folder.write() / "model_index.json");
  CHECK(mentions(refusal(folder), "model_index.json"));
  folder.write();
  std::filesystem::remove(folder.path() / "unet" / "diffusion_pytorch_model.safetensors");
  std::ofstream(folder.path() / "unet" / "diffusion_pytorch_model.bin") << "pickle";
  CHECK(mentions(refusal(folder), "pickle"));
}

TEST_CASE("components of a pipeline that do not fit together are refused") {
  CHECK(mentions(refusal_after([](PipelineFolder& folder) {
                   folder.vae.config["latent_channels"] = 8;
                   folder.vae.layer("post_quant_conv", {8, 8, 1, 1});
                   folder.vae.layer("decoder.conv_in", {16, 8, 3, 3});
                 }),
                 "latents of 8"));
  CHECK(mentions(refusal_after([](PipelineFolder& folder) {
                   folder.unet.config["in_channels"] = 9;
                   folder.unet.layer("conv_in", {8, 9, 3, 3});
                 }),
                 "9 channels in, but 4 out"));
  CHECK(mentions(refusal_after([](PipelineFolder& folder) {
                   folder.unet.config["cross_attention_dim"] = 10;
                   const std::string block = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.";
                   folder.unet.layer(block + "to_k", {8, 10}, false);
                   folder.unet.layer(block + "to_v", {8, 10}, false);
                 }),
                 "width 10, the text_encoder gives 6"));
}

TEST_CASE("settings of a U-Net that are not supported or make no sense are named") {
  const auto with = [](const char* key, const nlohmann::json& value) {
    return refusal_after([&](PipelineFolder& folder) { folder.unet.config[key] = value; });
  };
  CHECK(mentions(with("down_block_types", {"AttnDownBlock2D"}), "AttnDownBlock2D"));
  CHECK(mentions(with("up_block_types", {"DownBlock2D"}), "DownBlock2D"));
  CHECK(mentions(with("up_block_types", {"UpBlock2D", "UpBlock2D"}), "2 blocks up, but 1 down"));
  CHECK(mentions(with("mid_block_type", "UNetMidBlock2DSimpleCrossAttn"), "SimpleCrossAttn"));
  CHECK(mentions(with("block_out_channels", {8, 16}), "block_out_channels"));
  CHECK(mentions(with("layers_per_block", {1, 1}), "layers_per_block"));
  CHECK(mentions(with("layers_per_block", 1e9), "layers_per_block"));
  CHECK(mentions(with("attention_head_dim", 3), "3 heads"));
  CHECK(mentions(with("norm_num_groups", 3), "3 groups"));
  CHECK(mentions(with("norm_num_groups", nullptr), "norm_num_groups"));
  CHECK(mentions(with("cross_attention_dim", nullptr), "cross_attention_dim"));
  CHECK(mentions(with("act_fn", "mish"), "mish"));
  CHECK(mentions(with("addition_embed_type", "text_time"), "addition_embed_type"));
  CHECK(mentions(with("class_embed_type", "timestep"), "class_embed_type"));
  CHECK(mentions(with("resnet_time_scale_shift", "scale_shift"), "resnet_time_scale_shift"));
  CHECK(mentions(with("num_attention_heads", 8), "num_attention_heads"));
  CHECK(mentions(with("in_channels", "four"), "in_channels"));
}

TEST_CASE("settings of image decoder and text encoder that are not supported are named") {
  const auto vae = [](const char* key, const nlohmann::json& value) {
    return refusal_after([&](PipelineFolder& folder) { folder.vae.config[key] = value; });
  };
  CHECK(mentions(vae("up_block_types", {"UpDecoderBlock2D", "AttnUpDecoderBlock2D"}), "AttnUpDecoderBlock2D"));
  CHECK(mentions(vae("up_block_types", {"UpDecoderBlock2D"}), "up_block_types"));
  CHECK(mentions(vae("norm_num_groups", 5), "5 groups"));
  CHECK(mentions(vae("scaling_factor", 0), "scaling_factor"));
  CHECK(mentions(vae("latents_mean", {0.0, 0.0}), "latents_mean"));
  CHECK(mentions(vae("act_fn", "relu"), "relu"));
  const auto text = [](const char* key, const nlohmann::json& value) {
    return refusal_after([&](PipelineFolder& folder) { folder.text.config[key] = value; });
  };
  CHECK(mentions(text("model_type", "t5"), "t5"));
  CHECK(mentions(text("hidden_act", "relu"), "relu"));
  CHECK(mentions(text("num_attention_heads", 4), "4 heads"));
  CHECK(mentions(text("quantization_config", {{"bits", 4}}), "quantization_config"));
}

TEST_CASE("tensors of a pipeline that are missing, misshapen, unexplained or not finite are named") {
  const auto without = [](Component PipelineFolder::*part, const std::string& name) {
    return refusal_after([&](PipelineFolder& folder) { REQUIRE((folder.*part).tensors.erase(name) == 1); });
  };
  for (const char* name :
       {"conv_in.weight", "time_embedding.linear_2.bias", "down_blocks.0.resnets.0.time_emb_proj.weight",
        "up_blocks.0.resnets.1.conv_shortcut.weight", "conv_norm_out.bias"})
    CHECK(mentions(without(&PipelineFolder::unet, name), name));
  for (const char* name : {"post_quant_conv.weight", "decoder.mid_block.attentions.0.to_q.weight"})
    CHECK(mentions(without(&PipelineFolder::vae, name), name));
  CHECK(mentions(without(&PipelineFolder::text, "text_model.final_layer_norm.bias"), "final_layer_norm.bias"));
  const std::string shaped = refusal_after([](PipelineFolder& folder) {
    folder.unet.add("conv_in.weight", {8, 3, 3, 3});
  });
  CHECK(mentions(shaped, "[8, 3, 3, 3]"));
  CHECK(mentions(shaped, "[8, 4, 3, 3]"));
  // A linear projection is a matrix, the other a 1x1 convolution.
  CHECK(mentions(refusal_after([](PipelineFolder& folder) { folder.unet.config["use_linear_projection"] = true; }),
                 "proj_in.weight"));
  CHECK(mentions(refusal_after([](PipelineFolder& folder) { folder.unet.add("mid_block.extra", {2}); }),
                 "mid_block.extra"));
  CHECK(mentions(refusal_after([](PipelineFolder& folder) {
                   folder.text.layer("visual_projection", {2, 2});
                 }),
                 "visual_projection"));
  CHECK(mentions(refusal_after([](PipelineFolder& folder) {
                   folder.unet.tensors["conv_out.bias"].values[2] = std::numeric_limits<float>::quiet_NaN();
                 }),
                 "conv_out.bias"));
}

TEST_CASE("texts that do not fit a text encoder, and wrong use of the networks, are reported") {
  PipelineFolder folder;
  const Pipeline pipeline = load_pipeline(folder.write());
  Cost cost;
  using Texts = std::vector<std::vector<std::int32_t>>;
  for (const Texts& texts :
       {Texts{}, Texts{{}}, Texts{{1, 2}, {3}}, Texts{{20}}, Texts{{-1}}, Texts{std::vector(11, 1)}})
    CHECK(kind_of([&] { pipeline.text->encode(texts, cost); }) == ErrorKind::data);
  CHECK(kind_of([&] { pipeline.text->encode(Texts{{1}}, cost, 2); }) == ErrorKind::internal);
  const TimeTable times = pipeline.unet->times(std::vector<double>{1, 2});
  const Prompt prompt = pipeline.unet->prompt(at::zeros({2, 3, 6}));
  const auto run = [&](const std::vector<std::int64_t>& shape, std::size_t step, const Prompt& given) {
    return kind_of([&] { pipeline.unet->forward(at::zeros(shape), times, step, given, cost); });
  };
  CHECK(run({2, 3, 8, 8}, 0, prompt) == ErrorKind::internal);
  CHECK(run({2, 4, 8}, 0, prompt) == ErrorKind::internal);
  CHECK(run({2, 4, 8, 8}, 2, prompt) == ErrorKind::internal);
  CHECK(run({3, 4, 8, 8}, 0, prompt) == ErrorKind::internal);
  CHECK(run({2, 4, 8, 8}, 0, Prompt{}) == ErrorKind::internal);
  CHECK(kind_of([&] { prompt.part(1, 2); }) == ErrorKind::internal);
  CHECK(kind_of([&] { pipeline.unet->prompt(at::zeros({2, 3, 7})); }) == ErrorKind::internal);
  CHECK(kind_of([&] { pipeline.decoder->decode(at::zeros({1, 3, 8, 8}), cost); }) == ErrorKind::internal);
  CHECK(cost.macs == 0);
}
