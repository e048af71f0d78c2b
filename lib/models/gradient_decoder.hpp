// A decoder's predictions with gradients to the matrices of its layers: for fitting what a compressed network can still
// choose. Whole texts, one at a time, in fp32 on the processor.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/decoder.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

class GradientDecoder {
 public:
  // Any decoder with plain weights. Error(model), Error(config) as Decoder::load has them.
  explicit GradientDecoder(const ModelFolder& folder);
  // From weights in memory, as Decoder::build takes them.
  GradientDecoder(DecoderConfig config, const WeightSource& source);
  ~GradientDecoder();

  // The layers' matrices by the names that Decoder::build asks a stored source for, in its order.
  const std::vector<std::string>& matrices() const;
  // [out, in], without gradient until one is put in its place.
  const at::Tensor& weight(const std::string& matrix) const;
  // Of the same shape; gradients go through it. Error(internal) for other shapes and names.
  void replace(const std::string& matrix, const at::Tensor& weight);

  // What follows every token: [tokens, vocab]. Error(data) for ids outside the vocabulary, no token or too many.
  at::Tensor logits(std::span<const std::int32_t> tokens) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dynexec
