#include "train/noise_export.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "base/atomic_file.hpp"
#include "base/progress.hpp"
#include "base/sha256.hpp"
#include "train/export.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

nlohmann::json pipeline_index(const NoiseTrainOptions& options) {
  return {{"_class_name", "DiffusionPipeline"},
          {"unet", {"diffusers", "UNet2DConditionModel"}},
          {"text_encoder", {"transformers", "CLIPTextModel"}},
          {"tokenizer", {"transformers", "PreTrainedTokenizerFast"}},
          {"scheduler", {"diffusers", "DDIMScheduler"}},
          // Not of diffusers: the network's channels are squares of so many pixels.
          {"patch", options.patch}};
}

nlohmann::json scheduler_config(const NoiseTrainOptions& options) {
  const bool cosine = options.noise.betas == BetaSchedule::cosine;
  const std::string betas = beta_schedule_names()[static_cast<std::size_t>(options.noise.betas)];
  nlohmann::json config = {{"_class_name", "DDIMScheduler"},
                           {"beta_schedule", cosine ? "squaredcos_cap_v2" : betas},
                           {"num_train_timesteps", options.noise.train_steps},
                           {"prediction_type", options.prediction == Prediction::v        ? "v_prediction"
                                               : options.prediction == Prediction::sample ? "sample"
                                                                                          : "epsilon"},
                           {"timestep_spacing", "trailing"},
                           {"steps_offset", 0},
                           // Guidance leads beyond -1 to 1, and DDIM's noise does not follow a clipped image: with
                           // many steps what is between them adds up and ruins the picture.
                           {"clip_sample", false},
                           {"clip_sample_range", 1.0},
                           {"set_alpha_to_one", true}};
  if (!cosine) config.update({{"beta_start", options.noise.beta_start}, {"beta_end", options.noise.beta_end}});
  return config;
}

std::string card(const NoiseModule& module, const NoiseTrainOptions& options, const NoiseFigures& figures,
                 const std::string& hashes) {
  const auto& p = options.optimiser;
  std::string text =
      fmt::format("---\nlicense: {}\ntags: [diffusion, text-to-image]\n---\n# {}\n\n", options.license, options.title);
  text += fmt::format(
      "A text-conditioned diffusion model of {:.2f} million parameters for captioned scenes of 32 x 32 pixels, written "
      "by `dynexec train{}`.\n",
      static_cast<double>(module.size()) / 1e6, options.config_path.empty() ? "" : " " + options.config_path);
  if (!figures.finished) text += "**Written in the middle of the run: not the final weights.**\n";
  if (!options.start_from.empty())
    text += fmt::format("Training began with the weights of `{}`.\n", options.start_from);
  text += "It draws the procedural scenes of this project and nothing else.\n\n## Network\n\n| | |\n|---|---|\n";
  text += fmt::format("| U-Net | channels {}, {} residual blocks a level, pixels in squares of {} x {} |\n",
                      options.unet.at("block_out_channels").dump(), options.unet.at("layers_per_block").dump(),
                      options.patch, options.patch);
  text += fmt::format("| text encoder | CLIP's shape, width {}, {} layers, trained with the U-Net |\n",
                      module.text().width, module.text().layers);
  text += fmt::format("| noise | {} betas, {} training steps, predicts {} |\n",
                      beta_schedule_names()[static_cast<std::size_t>(options.noise.betas)], options.noise.train_steps,
                      prediction_names()[static_cast<std::size_t>(options.prediction)]);
  text += "| weights | F16 safetensors, averaged over the run |\n\n## Training\n\n| | |\n|---|---|\n";
  text +=
      fmt::format("| pictures | scene task, split `train`, seed {}, complexities {}; captions left out of {:.0f} % |\n",
                  options.scenes.seed, fmt::join(options.scenes.complexities, ", "), 100 * options.no_text);
  text += fmt::format("| steps, batch | {} of {}, {} ({} pictures) |\n", figures.steps, p.steps, options.batch,
                      figures.pictures);
  text += fmt::format(
      "| optimiser | {}, peak rate {}, cosine to {} of it, warm-up {}, decay {}, clip {}; weights averaged with {} |\n",
      p.kind, p.learning_rate, p.final_share, p.warmup, p.weight_decay, p.clip, options.average);
  text += fmt::format("| precision | {} products, fp32 weights |\n| seed, threads | {}, {} |\n| wall time | {} |\n",
                      figures.precision, options.seed, options.threads, format_duration(figures.seconds));
  text += "\n## Figures\n\n| | |\n|---|---|\n";
  text +=
      fmt::format("| loss on {} pictures of the calibration split | {:.4f} |\n", options.evaluation, figures.eval_loss);
  text +=
      "\nLosses are mean squares of the prediction. What its pictures are worth: `dynexec bench "
      "configs/stepsaver.yaml`.\n\n" +
      hashes;
  return text;
}

}  // namespace

void export_diffusion(const NoiseModule& module, const std::vector<at::Tensor>& values, const nlohmann::json& tokenizer,
                      const NoiseTrainOptions& options, const NoiseFigures& figures) {
  const fs::path folder = options.output;
  const auto write_json = [&](const fs::path& name, const nlohmann::json& json) {
    require_writable_folder((folder / name).parent_path().string());
    write_file_atomically((folder / name).string(), json.dump(2) + "\n");
  };
  nlohmann::json text = options.text;
  text["vocab_size"] = module.text().vocab;
  write_json("unet/config.json", options.unet);
  write_json("text_encoder/config.json", text);
  write_json("tokenizer/tokenizer.json", tokenizer);
  write_json("tokenizer/tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                                 {"pad_token", "[PAD]"},
                                                 {"model_max_length", module.text().positions}});
  write_json("scheduler/scheduler_config.json", scheduler_config(options));
  std::string hashes;
  const std::pair<const char*, const char*> parts[] = {{"unet", "unet/diffusion_pytorch_model.safetensors"},
                                                       {"text", "text_encoder/model.safetensors"}};
  for (const auto& [part, file] : parts) {
    write_half_weights(folder / file, module.part(part, values));
    hashes += fmt::format("SHA-256 of {}: `{}`\n", file, sha256_file((folder / file).string()));
  }
  write_json("model_index.json", pipeline_index(options));
  write_file_atomically((folder / "README.md").string(), card(module, options, figures, hashes));
}

}  // namespace dynexec
