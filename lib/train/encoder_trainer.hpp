// The training run of an encoder with exit heads behind `dynexec train`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "train/encoder_options.hpp"

namespace dynexec {

struct EncoderTrainProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0, accuracy = 0;  // of the classifier (of the last head when the heads alone are trained)
  double tokens_per_second = 0;
};

struct EncoderTrainReport {
  std::string output;             // folder written
  std::int64_t resumed_from = 0;  // steps already done when this run started
  // Accuracy on the evaluation texts, by group ("" for all together), of each head and then the classifier.
  std::map<std::string, std::vector<double>> accuracies;
};

// Trains, evaluates, checkpoints and exports as the options say; continues from WORK/checkpoint.safetensors when there
// is one: with one thread an interrupted and resumed run ends with bitwise the same weights. Writes WORK/loss.csv.
// `cancelled`, polled once a step, ends the run with a checkpoint and Error(interrupted).
EncoderTrainReport train_encoder(const EncoderTrainOptions& options,
                                 const std::function<void(const EncoderTrainProgress&)>& progress,
                                 const std::function<bool()>& cancelled);

}  // namespace dynexec
