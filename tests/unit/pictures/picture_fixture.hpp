// Tiny models of pictures in folders of their own, with random weights.
#pragma once

#include <ATen/Parallel.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "pictures/draw.hpp"
#include "tests/support/diffusion_fixture.hpp"

namespace dynexec::testing {

constexpr int kSide = 8;

// A pipeline with text: latents of 4 x 8 x 8, pictures of 3 x 16 x 16, words w4 to w19.
class TextPipeline : public diffusers::PipelineFolder {
 public:
  explicit TextPipeline(const std::string& name = "text") : PipelineFolder(name) {
    unet.config["sample_size"] = kSide;
    // So that texts matter.
    for (float& value : unet.tensors.at("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0.weight").values)
      value *= 30;
    nlohmann::json vocab{{"[PAD]", 0}, {"[UNK]", 1}, {"[CLS]", 2}, {"[SEP]", 3}};
    for (int i = 4; i < 20; ++i) vocab["w" + std::to_string(i)] = i;
    const auto special = [](const char* token) {
      return nlohmann::json{{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
    };
    const auto ids = [](const char* token, int id) {
      return nlohmann::json{{"id", token}, {"ids", {id}}, {"tokens", {token}}};
    };
    tokenizer = {{"model", {{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", "[UNK]"}}},
                 {"pre_tokenizer", {{"type", "Whitespace"}}},
                 {"post_processor",
                  {{"type", "TemplateProcessing"},
                   {"single", {special("[CLS]"), {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, special("[SEP]")}},
                   {"special_tokens", {{"[CLS]", ids("[CLS]", 2)}, {"[SEP]", ids("[SEP]", 3)}}}}}};
    scheduler = {{"_class_name", "DDIMScheduler"}, {"clip_sample", false}};
  }

  std::shared_ptr<const PictureModel> load() const {
    at::set_num_threads(1);  // maps this small are slower with more
    write();
    for (const auto& [folder, file, content] : {std::tuple{"tokenizer", "tokenizer.json", &tokenizer},
                                                std::tuple{"scheduler", "scheduler_config.json", &scheduler}}) {
      std::filesystem::create_directories(path() / folder);
      std::ofstream(path() / folder / file) << content->dump();
    }
    return load_picture_model(path());
  }

  // Without image decoder: pictures of one channel, squares of 2 x 2 pixels.
  void make_patched() {
    index.erase("vae");
    index["_class_name"] = "TextToPixels";
    index["patch"] = 2;
  }

  nlohmann::json tokenizer, scheduler;
};

// A layer_norm_unet of 1 x 12 x 12 pixels.
class NetworkFolder {
 public:
  NetworkFolder() : path_(std::filesystem::temp_directory_path() / ("dynexec-network-" + std::to_string(::getpid()))) {
    network_.config = {{"model_type", "layer_norm_unet"},
                       {"image_size", 12},
                       {"in_channels", 1},
                       {"base_channels", 1},
                       {"train_steps", 20},
                       {"time_embedding", 4}};
    network_.add("network.time_embed.weight", {20, 4});
    level("b1", "te1", 12, 1, {1, 1, 1});
    conv("down1", 1, 1, 4);
    level("b2", "te2", 6, 1, {2, 2, 2});
    conv("down2", 2, 2, 4);
    level("b3", "te3", 3, 2, {4, 4, 4});
    conv("down3.0", 4, 4, 2);
    conv("down3.2", 4, 4, 4);
    level("b_mid", "te_mid", 1, 4, {2, 2, 4});
    conv("up1.0", 4, 4, 4);
    conv("up1.2", 4, 4, 2);
    level("b4", "te4", 3, 8, {4, 2, 2});
    conv("up2", 2, 2, 4);
    level("b5", "te5", 6, 4, {2, 1, 1});
    conv("up3", 1, 1, 4);
    level("b_out", "te_out", 12, 2, {1, 1, 1});
    conv("conv_out", 1, 1, 3);
    network_.write(path_, "model.safetensors");
  }
  ~NetworkFolder() { std::filesystem::remove_all(path_); }
  NetworkFolder(const NetworkFolder&) = delete;
  NetworkFolder& operator=(const NetworkFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  // As many channels in as out, or the weight of a plain convolution.
  void conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t side) {
    network_.layer("network." + name, {out, in, side, side});
  }
  void level(const std::string& blocks, const std::string& time, std::int64_t size, std::int64_t in,
             const std::vector<std::int64_t>& out) {
    network_.layer("network." + time + ".0", {in, 4});
    network_.layer("network." + time + ".2", {in, in});
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::string name = blocks + "." + std::to_string(i);
      const std::int64_t before = i == 0 ? in : out[i - 1];
      network_.add("network." + name + ".ln.weight", {before, size, size});
      network_.add("network." + name + ".ln.bias", {before, size, size});
      conv(name + ".conv1", before, out[i], 3);
      conv(name + ".conv2", out[i], out[i], 3);
    }
  }

  diffusers::Component network_;
  std::filesystem::path path_;
};

inline std::vector<DrawInput> draw_inputs(const PictureModel& model, const std::vector<std::string>& texts) {
  at::set_num_threads(1);
  std::vector<DrawInput> inputs;
  for (const std::string& text : texts) {
    DrawInput input{.text = text, .streams = {3, inputs.size(), 0}};
    RandomStream random = input.streams.stream(Purpose::task);
    input.noise.resize(static_cast<std::size_t>(model.latent_shape().elements()));
    for (float& value : input.noise) value = static_cast<float>(random.normal());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

// The error that the action ends with; its message is empty when it does not.
inline Error error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::internal, "", "", "");
}

}  // namespace dynexec::testing
