// A small diffusers pipeline in a folder of its own, with random weights that a test may change before they are
// written.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "models/diffusion/pipeline.hpp"
#include "weights/safetensors.hpp"

namespace dynexec::diffusers {

// A component: its config.json and its tensors.
struct Component {
  struct Stored {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  nlohmann::json config;
  std::map<std::string, Stored> tensors;

  void add(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    RandomStream random(5, tensors.size(), 0, 0);
    Stored stored{shape, std::vector<float>(static_cast<std::size_t>(count))};
    for (float& value : stored.values) value = static_cast<float>(0.2 * random.normal());
    tensors[name] = std::move(stored);
  }
  void layer(const std::string& name, const std::vector<std::int64_t>& shape, bool bias = true) {
    add(name + ".weight", shape);
    if (bias) add(name + ".bias", {shape[0]});
  }
  void write(const std::filesystem::path& folder, const char* file) const {
    std::filesystem::create_directories(folder);
    std::vector<TensorView> views;
    for (const auto& [name, stored] : tensors)
      views.push_back({name, DType::f32, stored.shape, std::as_bytes(std::span(stored.values))});
    write_safetensors(folder / file, views, {});
    std::ofstream(folder / "config.json") << config.dump();
  }
};

class PipelineFolder {
 public:
  explicit PipelineFolder(const std::string& name = "a")
      : path_(std::filesystem::temp_directory_path() / ("dynexec-pipeline-" + name + std::to_string(::getpid()))) {
    index = {{"_class_name", "StableDiffusionPipeline"},          {"requires_safety_checker", false},
             {"unet", {"diffusers", "UNet2DConditionModel"}},     {"vae", {"diffusers", "AutoencoderKL"}},
             {"text_encoder", {"transformers", "CLIPTextModel"}}, {"safety_checker", {nullptr, nullptr}}};
    make_unet();
    make_vae();
    make_text();
  }
  ~PipelineFolder() { std::filesystem::remove_all(path_); }
  PipelineFolder(const PipelineFolder&) = delete;
  PipelineFolder& operator=(const PipelineFolder&) = delete;

  const std::filesystem::path& write() const {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "model_index.json") << index.dump();
    unet.write(path_ / "unet", "diffusion_pytorch_model.safetensors");
    vae.write(path_ / "vae", "diffusion_pytorch_model.safetensors");
    text.write(path_ / "text_encoder", "model.safetensors");
    return path_;
  }
  const std::filesystem::path& path() const { return path_; }

  nlohmann::json index;
  Component unet, vae, text;

 private:
  static void resnet(Component& part, const std::string& name, std::int64_t in, std::int64_t out, std::int64_t time) {
    part.layer(name + ".norm1", {in});
    part.layer(name + ".conv1", {out, in, 3, 3});
    if (time > 0) part.layer(name + ".time_emb_proj", {out, time});
    part.layer(name + ".norm2", {out});
    part.layer(name + ".conv2", {out, out, 3, 3});
    if (in != out) part.layer(name + ".conv_shortcut", {out, in, 1, 1});
  }

  // One level of 8 channels with a transformer of 2 heads, context 6, 4 latent channels.
  void make_unet() {
    unet.config = {{"down_block_types", {"CrossAttnDownBlock2D"}},
                   {"up_block_types", {"UpBlock2D"}},
                   {"mid_block_type", nullptr},
                   {"block_out_channels", {8}},
                   {"layers_per_block", 1},
                   {"norm_num_groups", 4},
                   {"attention_head_dim", 2},
                   {"cross_attention_dim", 6}};
    unet.layer("conv_in", {8, 4, 3, 3});
    unet.layer("time_embedding.linear_1", {32, 8});
    unet.layer("time_embedding.linear_2", {32, 32});
    resnet(unet, "down_blocks.0.resnets.0", 8, 8, 32);
    const std::string attention = "down_blocks.0.attentions.0.", block = attention + "transformer_blocks.0.";
    unet.layer(attention + "norm", {8});
    unet.layer(attention + "proj_in", {8, 8, 1, 1});
    unet.layer(attention + "proj_out", {8, 8, 1, 1});
    for (const char* norm : {"norm1", "norm2", "norm3"}) unet.layer(block + norm, {8});
    for (const char* name : {"attn1.to_q", "attn1.to_k", "attn1.to_v", "attn2.to_q"})
      unet.layer(block + name, {8, 8}, false);
    for (const char* name : {"attn2.to_k", "attn2.to_v"}) unet.layer(block + name, {8, 6}, false);
    for (const char* name : {"attn1.to_out.0", "attn2.to_out.0"}) unet.layer(block + name, {8, 8});
    unet.layer(block + "ff.net.0.proj", {64, 8});
    unet.layer(block + "ff.net.2", {8, 32});
    for (const char* name : {"up_blocks.0.resnets.0", "up_blocks.0.resnets.1"}) resnet(unet, name, 16, 8, 32);
    unet.layer("conv_norm_out", {8});
    unet.layer("conv_out", {4, 8, 3, 3});
  }

  // Two levels of 8 and 16 channels.
  void make_vae() {
    vae.config = {{"block_out_channels", {8, 16}},
                  {"up_block_types", {"UpDecoderBlock2D", "UpDecoderBlock2D"}},
                  {"norm_num_groups", 4}};
    vae.layer("post_quant_conv", {4, 4, 1, 1});
    vae.layer("decoder.conv_in", {16, 4, 3, 3});
    for (const char* name : {"decoder.mid_block.resnets.0", "decoder.mid_block.resnets.1",
                             "decoder.up_blocks.0.resnets.0", "decoder.up_blocks.0.resnets.1"})
      resnet(vae, name, 16, 16, 0);
    const std::string attention = "decoder.mid_block.attentions.0.";
    vae.layer(attention + "group_norm", {16});
    for (const char* name : {"to_q", "to_k", "to_v", "to_out.0"}) vae.layer(attention + name, {16, 16});
    vae.layer("decoder.up_blocks.0.upsamplers.0.conv", {16, 16, 3, 3});
    resnet(vae, "decoder.up_blocks.1.resnets.0", 16, 8, 0);
    resnet(vae, "decoder.up_blocks.1.resnets.1", 8, 8, 0);
    vae.layer("decoder.conv_norm_out", {8});
    vae.layer("decoder.conv_out", {3, 8, 3, 3});
    vae.layer("encoder.conv_in", {8, 3, 3, 3});
  }

  // One layer of width 6 with 2 heads, 10 positions, 20 kinds of tokens.
  void make_text() {
    text.config = {{"model_type", "clip_text_model"}, {"vocab_size", 20},          {"hidden_size", 6},
                   {"intermediate_size", 12},         {"num_hidden_layers", 1},    {"num_attention_heads", 2},
                   {"max_position_embeddings", 10},   {"hidden_act", "quick_gelu"}};
    text.add("text_model.embeddings.token_embedding.weight", {20, 6});
    text.add("text_model.embeddings.position_embedding.weight", {10, 6});
    const std::string layer = "text_model.encoder.layers.0.";
    for (const char* name : {"layer_norm1", "layer_norm2"}) text.layer(layer + name, {6});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"}) text.layer(layer + "self_attn." + name, {6, 6});
    text.layer(layer + "mlp.fc1", {12, 6});
    text.layer(layer + "mlp.fc2", {6, 12});
    text.layer("text_model.final_layer_norm", {6});
  }

  std::filesystem::path path_;
};

}  // namespace dynexec::diffusers
