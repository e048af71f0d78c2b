// What a training run of exit heads on a frozen network is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "train/options.hpp"

namespace dynexec {

struct ExitTrainOptions {
  std::string config_path;  // for the card; may be empty
  std::string backbone;     // model folder, whose weights stay as they are
  std::string output;       // model folder that is written: backbone and heads
  std::string work;         // checkpoint
  std::string title, license = "mit";
  std::uint64_t seed = 1;
  int threads = 1;
  std::string head = "linear";    // linear or bof
  std::string places = "blocks";  // blocks, all, or listed: `units`
  std::vector<std::int64_t> units;
  std::int64_t codewords = 64, hidden = 64;  // of bof heads
  // Images [first, first + samples) of these files train; the `evaluation` ones behind them are scored.
  std::string format = "cifar10";
  std::vector<std::string> files;
  std::int64_t first = 0, samples = 0, evaluation = 1000;
  bool flip = true;  // mirror half of the images
  std::int64_t batch = 128;
  OptimiserOptions optimiser;  // adamw
  std::int64_t checkpoint_every = 100;
};

// Reads every key below `root`, which says `kind: exits`.
ExitTrainOptions read_exit_train_options(const Node& root, const std::string& config_path);
// SHA-256 over what decides the course of a run, with the hash of the backbone's weights.
std::string fingerprint_of(const ExitTrainOptions& options, const std::string& backbone_sha256);

}  // namespace dynexec
