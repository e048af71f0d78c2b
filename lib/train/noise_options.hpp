// What a training run of a diffusion model of captioned scenes is.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "config/node.hpp"
#include "data/scene_task.hpp"
#include "diffusion/sampler.hpp"
#include "train/options.hpp"

namespace dynexec {

struct NoiseTrainOptions {
  std::string config_path;  // for the card; may be empty
  std::string output;       // pipeline folder that is written at the end
  std::string work;         // checkpoint and loss.csv
  std::string title, license = "mit";
  std::string start_from;  // pipeline folder of such a model, whose weights are the first; "": fresh ones
  std::uint64_t seed = 1;
  int threads = 1;
  std::string precision = "auto";  // fp32, bf16, auto: bf16 where products are faster in it
  std::int64_t patch = 2;          // the network works on squares of so many pixels, as channels
  nlohmann::json unet, text;       // config.json of both networks, in diffusers' and transformers' layout
  SceneOptions scenes;             // split is train whatever the config says
  std::int64_t batch = 64;
  double no_text = 0.1;  // share of the pictures whose caption is left out, for classifier-free guidance
  NoiseOptions noise;
  Prediction prediction = Prediction::v;
  double average = 0.9995;  // decay of the average of the weights, which is what is exported
  OptimiserOptions optimiser;
  std::int64_t checkpoint_every = 200, eval_every = 500;  // steps; 0: never
  std::int64_t export_every = 0;                          // steps between exports on the way; 0: only at the end
  std::int64_t evaluation = 256;                          // pictures of the calibration split
};

// Reads every key below `root`, which says `kind: diffusion`.
NoiseTrainOptions read_noise_train_options(const Node& root, const std::string& config_path);
// SHA-256 over what decides the course of a run.
std::string fingerprint_of(const NoiseTrainOptions& options);

}  // namespace dynexec
