// A BERT-like encoder with gradients, its classifier and its exit heads. lib/models runs the exported result.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/encoder_config.hpp"
#include "train/optimiser.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

class EncoderModule {
 public:
  // Seeded normal weights: embeddings of deviation 0.02 as BERT's, matrices of 1 / sqrt(inputs): BERT's 0.02 is near
  // that at 768 inputs, and with a hundred it would leave the layers almost without effect. Positions begin as
  // sinusoids.
  EncoderModule(const EncoderConfig& config, const EncoderExitConfig& exits, std::uint64_t seed);
  // Takes over what a checkpoint of the same family and sizes has: the encoder, the classifier when it has one with as
  // many classes, exit heads of the same shape. Error(model) for tensors of other shapes.
  void load(const ModelFolder& folder);

  // ids [batch, time] int64, right-padded; mask [batch, time] bool, false on padding. Returns the logits [batch,
  // classes] of every exit head in the order of their layers, then of the classifier; without `exits` only those.
  std::vector<at::Tensor> forward(const at::Tensor& ids, const at::Tensor& mask, bool exits = true) const;

  // States after the last layer, [batch, time, hidden].
  at::Tensor states(const at::Tensor& ids, const at::Tensor& mask) const;

  const EncoderConfig& config() const { return config_; }
  const EncoderExitConfig& exits() const { return exits_; }
  // Under the names of the family's checkpoints, heads as exits.<layer>.<part>. Everything, or the heads alone.
  const Optimiser::Named& parameters() const { return parameters_; }
  Optimiser::Named head_parameters() const;
  void freeze_encoder();  // gradients for the heads alone from now on
  // Rows of the layers' matrices, for Muon.
  std::map<std::string, std::vector<std::int64_t>> row_blocks() const;
  std::int64_t size() const;  // number of weights

 private:
  void add(const std::string& name, at::Tensor value);
  void add_matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double deviation,
                  std::uint64_t seed);
  void add_dense(const std::string& name, std::int64_t out, std::int64_t in, std::uint64_t seed);
  void align_heads(std::int64_t layer);
  void add_norm(const std::string& name);
  const at::Tensor& at(const std::string& name) const;
  at::Tensor dense(const std::string& name, const at::Tensor& x) const;
  at::Tensor norm(const std::string& name, const at::Tensor& x) const;
  at::Tensor activate(const at::Tensor& x) const;
  at::Tensor embed(const at::Tensor& ids) const;
  at::Tensor block(std::int64_t layer, const at::Tensor& x, const at::Tensor& mask) const;
  at::Tensor head(std::int64_t layer, const at::Tensor& x, const at::Tensor& mask) const;

  EncoderConfig config_;
  EncoderExitConfig exits_;
  EncoderNames names_;
  std::uint64_t drawn_ = 0;  // random tensors so far
  Optimiser::Named parameters_;
  std::map<std::string, std::size_t> index_;  // into parameters_
};

// Means over each text's tokens: x [batch, time, hidden], mask [batch, time] -> [batch, hidden].
at::Tensor mean_over_tokens(const at::Tensor& x, const at::Tensor& mask);

// "exits.3."
std::string exit_prefix(std::int64_t layer);

}  // namespace dynexec
