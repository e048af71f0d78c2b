// What computes for a decoder's session: the own kernels, or LibTorch's operators on a device. Private to the models
// room.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "models/decoder.hpp"

namespace dynexec {

struct DecoderWeights;

// At most kPassRows neighbouring positions on their way through some layers.
struct DecoderChunk {
  // Of the rows; empty: they go on from the states that a chunk with `keep` has left after layer begin_layer - 1.
  std::span<const std::int32_t> tokens;
  std::int64_t first = 0, rows = 0;  // positions first .. first + rows - 1
  std::int64_t begin_layer = 0, end_layer = 0;
  bool keep = false;            // the states after the last of these layers
  std::int64_t logit_rows = 0;  // the last of the rows, whose logits are wanted
  float* logits = nullptr;      // [logit_rows, vocab] within what reserve_logits gave
};

// Keys, values and kept states of one sequence. Checks nothing: the session has.
class DecoderEngine {
 public:
  virtual ~DecoderEngine() = default;

  // Room for [rows, vocab] logits; what was there is lost.
  virtual float* reserve_logits(std::int64_t rows) = 0;
  // Returns when the logits are there. Adds what the pass has cost.
  virtual void run(const DecoderChunk& chunk, PassCost& cost) = 0;
  // The positions [begin, end) of the layers [begin_layer, end_layer) hold nothing any more: they were rolled back, or
  // a pass over them has failed.
  virtual void discard(std::int64_t begin, std::int64_t end, std::int64_t begin_layer, std::int64_t end_layer) = 0;

  // Whether what is not finite in one row can spread to rows before it in the same chunk.
  virtual bool spreads_back() const = 0;

  virtual double cache_bytes() const = 0;
  virtual double cache_value_bytes() const = 0;  // see DecoderSession
  virtual double memory_bytes() const = 0;       // see DecoderSession
};

// Of the kind that the weights are for.
std::unique_ptr<DecoderEngine> make_kernel_decoder(const DecoderWeights& weights, std::int64_t capacity);
std::unique_ptr<DecoderEngine> make_tensor_decoder(const DecoderWeights& weights, std::int64_t capacity);

}  // namespace dynexec
