// A run of seconds: a network of a few thousand weights on the easiest problems.
#pragma once

#include <filesystem>
#include <string>

#include "train/options.hpp"

namespace toy {

// A folder of its own that goes with the object.
class Folder {
 public:
  explicit Folder(const std::string& name) : path_(std::filesystem::temp_directory_path() / ("dynexec-train-" + name)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline dynexec::TrainOptions options(const Folder& folder) {
  dynexec::TrainOptions options;
  options.output = (folder / "model").string();
  options.work = (folder / "work").string();
  options.title = "toy";
  options.precision = "fp32";
  options.shape.width = 32;
  options.shape.layers = 2;
  options.shape.heads = 2;
  options.shape.kv_heads = 1;
  options.shape.ffn = 64;
  options.shape.max_positions = 256;
  options.exit_layer = 1;
  options.text.problems.difficulties = {1};
  options.text.vocab_size = 600;
  options.text.vocab_samples = 300;
  options.text.pool = 32;
  options.text.batch_tokens = 400;
  options.text.curriculum = 0;
  options.optimiser.steps = 40;
  options.optimiser.warmup = 5;
  options.optimiser.learning_rate = 5e-3;
  options.checkpoint_every = 10;
  options.eval_every = 20;
  options.eval_samples = 16;
  return options;
}

}  // namespace toy
