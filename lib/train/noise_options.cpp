#include "train/noise_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "base/sha256.hpp"
#include "train/complexities.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;
constexpr std::int64_t kPositions = 72;  // tokens of the longest caption, and a few

nlohmann::json unet_config(const Node& node, std::int64_t patch, std::int64_t context) {
  const std::vector<std::int64_t> channels = node.get_ints("channels", {64, 96, 128});
  const std::int64_t attending = node.get_int("attending_levels", 2, 0, static_cast<std::int64_t>(channels.size()));
  nlohmann::json down = nlohmann::json::array(), up = nlohmann::json::array();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    // The coarse levels attend to the text.
    const bool attends = static_cast<std::int64_t>(channels.size() - i) <= attending;
    down.push_back(attends ? "CrossAttnDownBlock2D" : "DownBlock2D");
    up.insert(up.begin(), attends ? "CrossAttnUpBlock2D" : "UpBlock2D");
  }
  const std::int64_t colours = 3;
  return {{"_class_name", "UNet2DConditionModel"},
          {"sample_size", scenes::kImageSize / patch},
          {"in_channels", colours * patch * patch},
          {"out_channels", colours * patch * patch},
          {"block_out_channels", channels},
          {"down_block_types", down},
          {"mid_block_type", "UNetMidBlock2DCrossAttn"},
          {"up_block_types", up},
          {"layers_per_block", node.get_int("resnets", 1, 1, 16)},
          {"attention_head_dim", node.get_int("heads", 4, 1, 256)},  // holds the number of heads
          {"norm_num_groups", node.get_int("groups", 8, 1, 1024)},
          {"cross_attention_dim", context},
          {"act_fn", "silu"},
          {"norm_eps", 1e-5},
          {"downsample_padding", 1},
          {"flip_sin_to_cos", true},
          {"freq_shift", 0},
          {"mid_block_scale_factor", 1},
          {"center_input_sample", false}};
}

nlohmann::json text_config(const Node& node) {
  return {{"architectures", {"CLIPTextModel"}},
          {"model_type", "clip_text_model"},
          {"hidden_size", node.get_int("width", 128, 8, 16384)},
          {"num_hidden_layers", node.get_int("layers", 3, 1, 256)},
          {"num_attention_heads", node.get_int("heads", 4, 1, 256)},
          {"intermediate_size", node.get_int("ffn", 512, 8, 65536)},
          {"max_position_embeddings", kPositions},
          {"hidden_act", "gelu"},
          {"layer_norm_eps", 1e-5},
          {"pad_token_id", 0},
          {"torch_dtype", "float16"}};
}

SceneOptions read_scenes(const Node& node) {
  SceneOptions scenes;
  scenes.split = Split::train;
  scenes.complexities = read_complexities(node);
  scenes.seed = static_cast<std::uint64_t>(node.get_int("seed", 1, 0, kMany));
  try {
    scenes.check();
  } catch (const Error& error) {
    node.fail(error.message(), error.hint());
  }
  return scenes;
}

template <class Choice>
Choice choice_of(const Node& node, const std::string& key, Choice absent, const std::vector<std::string>& names) {
  const std::string found = node.get_choice(key, names[static_cast<std::size_t>(absent)], names);
  return static_cast<Choice>(std::find(names.begin(), names.end(), found) - names.begin());
}

}  // namespace

NoiseTrainOptions read_noise_train_options(const Node& root, const std::string& config_path) {
  NoiseTrainOptions options;
  options.config_path = config_path;
  options.output = root.get_string("output");
  options.work = root.get_string("work", "wip/" + options.output);
  options.title = root.get_string("title", options.output);
  options.start_from = root.get_string("start_from", "");
  options.license = root.get_string("license", options.license);
  options.seed = static_cast<std::uint64_t>(root.get_int("seed", 1, 0, kMany));
  options.threads = static_cast<int>(root.get_int("threads", options.threads, 0, 1024));
  options.precision = root.get_choice("precision", options.precision, {"auto", "fp32", "bf16"});

  const Node model = root.section("model");
  options.patch = model.get_int("patch", options.patch, 1, 16);
  if (scenes::kImageSize % options.patch != 0)
    model.fail(fmt::format("patch {} does not divide the side of {} pixels", options.patch, scenes::kImageSize),
               "choose 1, 2, 4, 8 or 16");
  options.text = text_config(model.section("text"));
  options.unet = unet_config(model, options.patch, options.text.at("hidden_size").get<std::int64_t>());

  const Node data = root.section("data");
  options.scenes = read_scenes(data);
  options.batch = data.get_int("batch", options.batch, 1, 65536);
  options.no_text = data.get_double("no_text", options.no_text, 0, 1);
  options.evaluation = data.get_int("evaluation", options.evaluation, 1, 100'000);

  const Node noise = root.section("noise");
  options.noise.betas = choice_of(noise, "betas", options.noise.betas, beta_schedule_names());
  if (options.noise.betas != BetaSchedule::cosine) {
    options.noise.beta_start = noise.get_double("beta_start", options.noise.beta_start, 1e-9, 0.999);
    options.noise.beta_end = noise.get_double("beta_end", options.noise.beta_end, 1e-9, 0.999);
  }
  options.noise.train_steps = noise.get_int("train_steps", options.noise.train_steps, 2, 1'000'000);
  options.prediction = choice_of(noise, "prediction", options.prediction, prediction_names());

  options.average = root.get_double("average", options.average, 0, 0.9999999);
  options.optimiser = read_optimiser(root.section("optimiser"), {.weight_decay = 0.01, .beta2 = 0.99});
  options.checkpoint_every = root.get_int("checkpoint_every", options.checkpoint_every, 0, kMany);
  options.eval_every = root.get_int("eval_every", options.eval_every, 0, kMany);
  options.export_every = root.get_int("export_every", options.export_every, 0, kMany);
  return options;
}

std::string fingerprint_of(const NoiseTrainOptions& o) {
  const OptimiserOptions& p = o.optimiser;
  std::string start;
  if (!o.start_from.empty())
    for (const char* part : {"unet", "text_encoder"})
      start += ModelFolder::open(resolve_path(o.start_from) / part).sha256();
  return sha256_hex(start +
                    fmt::format("diffusion 2|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
                                o.seed, o.patch, o.unet.dump(), o.text.dump(), fmt::join(o.scenes.complexities, ","),
                                o.scenes.seed, o.batch, o.no_text, static_cast<int>(o.noise.betas), o.noise.beta_start,
                                o.noise.beta_end, o.noise.train_steps, static_cast<int>(o.prediction), o.average,
                                p.kind, p.steps, p.learning_rate, p.final_share, p.warmup, p.weight_decay, p.beta1,
                                p.beta2, p.momentum, p.clip));
}

}  // namespace dynexec
