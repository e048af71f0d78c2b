// What a training run of a multi-exit network is: heads on a frozen network, or network and heads together.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "data/shapes/shapes.hpp"
#include "train/options.hpp"

namespace dynexec {

struct ImageSourceOptions {
  // shapes, or a format of files: images [first, first + samples) of them train, the `evaluation` ones behind them are
  // scored.
  std::string format = "cifar10";
  std::vector<std::string> files;
  std::int64_t first = 0, samples = 0, evaluation = 1000;
  bool flip = true;  // mirror half of the images
  ShapeOptions shapes;
};

struct ExitTrainOptions {
  std::string config_path;  // for the card; may be empty
  std::string backbone;     // model folder, whose weights stay as they are; empty: `network` is trained
  nlohmann::json network;   // as in config.json
  std::string output;       // model folder that is written: backbone and heads
  std::string work;         // checkpoint
  std::string title, license = "mit";
  std::uint64_t seed = 1;
  int threads = 1;
  std::string head = "linear";    // linear or bof
  std::string places = "blocks";  // blocks, all, or listed: `units`
  std::vector<std::int64_t> units;
  std::int64_t codewords = 64, hidden = 64;  // of bof heads
  ImageSourceOptions data;
  double final_weight = 1;  // of the network's own head in the loss, where the network is trained
  double start = 0;         // share of the steps before the heads join, where the network is trained
  std::int64_t batch = 128;
  OptimiserOptions optimiser;                             // adamw
  std::int64_t checkpoint_every = 100, export_every = 0;  // steps; 0: never
};

// Reads every key below `root`, which says `kind: exits`.
ExitTrainOptions read_exit_train_options(const Node& root, const std::string& config_path);
// SHA-256 over what decides the course of a run, with that of the backbone.
std::string fingerprint_of(const ExitTrainOptions& options, const std::string& backbone);

}  // namespace dynexec
