// What the training run of a step predictor is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "data/scene_task.hpp"
#include "data/text_prompts.hpp"
#include "models/encoder_config.hpp"
#include "pictures/picture_model.hpp"
#include "train/options.hpp"
#include "train/step_labels.hpp"

namespace dynexec {

// Absent: as the pipeline's folder says.
struct StepSamplerOptions {
  std::optional<SamplerKind> kind;
  std::optional<Spacing> spacing;
  std::optional<std::int64_t> offset;
  std::optional<bool> karras;
  std::optional<double> eta;

  SamplerOptions over(SamplerOptions options) const;
};

struct StepPromptOptions {
  std::string kind = "scenes";                    // captions of the scene task; or file: prompts of a text file
  SceneOptions scenes;                            // complexities and seed
  std::int64_t training = 300, evaluation = 100;  // scenes: how many, of the training and the calibration split
  std::int64_t wordings = 16;                     // scenes: ways to say each caption's promises to train on
  PromptOptions file;
  double held_out = 0.2;  // file: share at its end that is not trained on
};

struct StepPredictorOptions {
  std::string config_path;  // for the card; may be empty
  std::string output;       // model folder that is written at the end
  std::string work;         // labels.csv
  std::string title, license = "mit";
  std::uint64_t seed = 1;
  int threads = 1;
  std::string pipeline;  // whose pictures' steps are counted
  StepSamplerOptions sampler;
  StepSamplerOptions reference;      // what the pictures are compared with,
  std::int64_t reference_steps = 0;  // in so many steps; 0: the picture of the grid's most
  double guidance = 1;
  std::string negative;
  StepPromptOptions prompts;
  std::vector<std::int64_t> grid;
  std::int64_t seeds = 3;     // noises a prompt
  std::int64_t together = 4;  // prompts whose pictures are drawn together
  std::string judge;          // folder of a classifier of scenes, which labels C and E ask; "": nobody looks
  StepLabelRule rule;
  double quantile = 0.7;
  bool by_mean = false;       // the predictor's decision, else by the quantile
  bool sees_length = true;    // the logits depend on the number of tokens, too
  bool weighs_gains = false;  // labels D and E: the loss is gain_loss, else step_loss
  std::string encoder_from;   // model folder of an encoder that stays as it is; "": a new one of `encoder`'s sizes
  EncoderConfig encoder;      // vocabulary follows the prompts
  double pinball = 0.2;       // weight of the quantile loss beside the cross-entropies
  double validation = 0.15;   // share of the training prompts that choose the best weights
  std::int64_t batch = 32;
  OptimiserOptions optimiser;
  std::int64_t eval_every = 20;  // steps between looks at the validation prompts
};

// Reads every key below `root`, which says `kind: step_predictor`.
StepPredictorOptions read_step_predictor_options(const Node& root, const std::string& config_path);

}  // namespace dynexec
