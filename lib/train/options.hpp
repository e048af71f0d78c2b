// What a training run is: network, texts, optimiser, schedule, places.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "data/reasoning_task.hpp"
#include "train/llama_module.hpp"

namespace dynexec {

struct TextOptions {
  ReasoningOptions problems;       // split is train whatever the config says
  std::int64_t vocab_size = 1024;  // of a newly learnt tokenizer
  std::int64_t vocab_samples = 20000;
  std::string tokenizer_from;         // model folder whose tokenizer is used instead; "" learns one
  std::int64_t pool = 512;            // problems that are sorted by length and cut into batches together
  std::int64_t batch_tokens = 640;    // padded tokens of a batch, at most
  std::int64_t batches_per_step = 4;  // of different lengths, hence kinds of problems, for one gradient
  double prompt_weight = 0;           // weight of the loss on question tokens; 0 skips their logits
  double curriculum = 0.15;           // share of the run over which the largest difficulty grows to its full value
};

struct OptimiserOptions {
  std::string kind = "adamw";  // adamw, or muon for the hidden layers' matrices and AdamW for the rest
  std::int64_t steps = 1000;
  double learning_rate = 2e-3;
  double final_share = 0.02;  // of the learning rate, at the end of the cosine
  std::int64_t warmup = 100;
  double weight_decay = 0.1;  // matrices only
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double momentum = 0.95;  // of muon
  double clip = 1.0;       // global gradient norm; 0: off
};

struct DistilOptions {
  std::string teacher;  // model folder; "": plain training
  double start = 0;     // share of the steps before the teacher joins
  double weight = 0.5;  // of KL(teacher || student); the rest is cross-entropy
  double temperature = 1.0;
};

struct TrainOptions {
  std::string config_path;  // for the card; may be empty
  std::string output;       // model folder that is written at the end
  std::string work;         // checkpoint and loss.csv
  std::string title, license = "mit";
  std::uint64_t seed = 1;
  int threads = 1;                 // 0: leave the library's setting
  std::string precision = "auto";  // fp32, bf16, auto: bf16 when a probe finds it faster
  LlamaShape shape;                // vocab follows the tokenizer
  std::string start_from;          // model folder whose weights the run starts with; "": seeded random weights
  std::int64_t exit_layer = 0;     // 0: no early-exit loss
  double exit_weight = 0.2;
  TextOptions text;
  OptimiserOptions optimiser;
  DistilOptions distil;
  std::int64_t checkpoint_every = 200, eval_every = 200, export_every = 0;  // steps; 0: never
  std::int64_t eval_samples = 240;

  void check() const;  // Error(config)
};

// Reads every key below `root`; defaults as above.
TrainOptions read_train_options(const Node& root, const std::string& config_path);

// Every key of the section; absent ones are as given.
OptimiserOptions read_optimiser(const Node& node, OptimiserOptions options);

// SHA-256 over everything that decides the course of a run (places, titles and intervals aside).
std::string fingerprint_of(const TrainOptions& options, const std::string& tokenizer_json);

// Cosine decay with linear warm-up, at `step` in [0, steps).
double learning_rate_at(const OptimiserOptions& options, std::int64_t step);

}  // namespace dynexec
