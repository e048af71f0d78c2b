// What a training run of a classifier of scenes is.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "config/node.hpp"
#include "data/scene_task.hpp"
#include "train/options.hpp"

namespace dynexec {

// The most of each that a picture is disturbed by; how much is drawn evenly from 0 on. Generated pictures are not as
// clean as drawn ones.
struct Disturbance {
  double noise = 0.08;  // standard deviation of every value
  double blur = 0.15;   // share that each neighbour in a row, then in a column, takes
  double light = 0.05;  // added to all values or taken away
};

struct SceneClassifierOptions {
  std::string config_path;  // for the card; may be empty
  std::string output;       // model folder that is written at the end
  std::string work;         // checkpoint and loss.csv
  std::string title, license = "mit";
  std::uint64_t seed = 1;
  int threads = 1;
  nlohmann::json network;  // as in config.json
  SceneOptions scenes;     // to train on; split and samples are not used
  Disturbance disturbance;
  std::int64_t batch = 64;
  std::int64_t evaluation = 1000;  // scenes of the calibration split
  OptimiserOptions optimiser;
  std::int64_t checkpoint_every = 200, eval_every = 500;  // steps; 0: never
};

// Reads every key below `root`, which says `kind: scene_classifier`.
SceneClassifierOptions read_scene_classifier_options(const Node& root, const std::string& config_path);
// SHA-256 over what decides the course of a run.
std::string fingerprint_of(const SceneClassifierOptions& options);

}  // namespace dynexec
