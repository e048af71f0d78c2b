// What a training run of an encoder with exit heads is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "data/labelled_texts.hpp"
#include "data/sentence_task.hpp"
#include "models/encoder_config.hpp"
#include "train/options.hpp"

namespace dynexec {

struct EncoderDataOptions {
  std::string kind = "sentences";        // or text_classification: labelled texts of a file
  SentenceOptions sentences;             // split is train whatever the config says
  LabelledTextOptions texts;             // text_classification
  std::vector<std::string> class_names;  // of its labels; empty: as the network to start from has them
  std::int64_t pool = 512;               // texts that are sorted by length and cut into batches together
  std::int64_t batch_tokens = 640;       // padded tokens of a batch, at most
  std::int64_t batches_per_step = 3;     // of different lengths, hence difficulties, for one gradient
  double curriculum = 0.15;              // share of the run over which the largest difficulty grows to its full value
  std::int64_t evaluation = 600;         // texts that are not trained on
};

struct EncoderTrainOptions {
  std::string config_path;  // for the card; may be empty
  std::string output;       // model folder that is written at the end
  std::string work;         // checkpoint and loss.csv
  std::string title, license = "mit";
  std::uint64_t seed = 1;
  int threads = 1;
  EncoderConfig shape;     // vocabulary and classes follow the data
  std::string start_from;  // model folder whose weights (and sizes and tokenizer) the run starts with; "": random
  std::string exit_layers = "all";  // all but the last, or listed: `exits.layers`
  EncoderExitConfig exits;
  // joint: encoder and heads together; backbone: the encoder alone; heads: the heads alone, the encoder as it is
  // (DeeBERT's second stage).
  std::string training = "joint";
  // How the losses of the heads and the classifier add up in joint training: equal, or depth: layer l (from 1) weighs
  // l over the sum of all (PABEE).
  std::string weights = "depth";
  EncoderDataOptions data;
  OptimiserOptions optimiser;
  std::int64_t checkpoint_every = 200, eval_every = 200;  // steps; 0: never
};

// Reads every key below `root`, which says `kind: encoder`.
EncoderTrainOptions read_encoder_train_options(const Node& root, const std::string& config_path);
// SHA-256 over what decides the course of a run; `inputs`: hashes of the files that it starts from.
std::string fingerprint_of(const EncoderTrainOptions& options, const std::string& inputs);

}  // namespace dynexec
