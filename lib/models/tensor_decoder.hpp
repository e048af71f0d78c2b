// Decoding with LibTorch's operators on a device. Private to the models room.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/decoder_engine.hpp"
#include "models/decoder_weights.hpp"
#include "models/device_graphs.hpp"
#include "models/tensor_layers.hpp"
#include "models/tensor_weights.hpp"

namespace dynexec {

// Calls of up to so many tokens become graphs where the device has them: decoding, drafting and verifying. The longest
// draft of the policies that look ahead by default is 16 tokens, whose verification has 17 rows.
inline constexpr std::int64_t kGraphRows = 32;

// Attention looks at the positions [0, n), n being the power of two from here on that holds all that are in use: with
// graphs of few shapes, a short context does not pay for the whole cache.
inline constexpr std::int64_t kLeastPositions = 128;

class TensorDecoder final : public DecoderEngine {
 public:
  TensorDecoder(const DecoderWeights& weights, std::int64_t capacity);

  float* reserve_logits(std::int64_t rows) override;
  void run(const DecoderChunk& chunk, PassCost& cost) override;
  // Zeroes the values there: attention multiplies what it does not look at by 0, which must not meet the infinities of
  // a pass that has failed.
  void discard(std::int64_t begin, std::int64_t end, std::int64_t begin_layer, std::int64_t end_layer) override;

  bool spreads_back() const override { return true; }

  double cache_bytes() const override;
  double cache_value_bytes() const override;
  double memory_bytes() const override;

 private:
  // What decides which operators run: everything else is read from tensors on the device.
  struct Shape {
    std::int64_t rows, begin_layer, end_layer, logit_rows, positions;
    bool keep;
    // Of the last layer's states, the last so many are computed.
    std::int64_t wanted() const { return keep ? rows : logit_rows; }
  };
  struct Inputs;

  // [logit_rows, vocab] in fp32; undefined without any.
  at::Tensor compute(const Shape& shape);
  at::Tensor embedded(const Inputs& inputs) const;
  // hidden [rows, hidden] of a layer's input -> of its output, of the last `queries` rows; may be the same memory.
  at::Tensor run_layer(std::int64_t index, at::Tensor hidden, const Inputs& inputs, std::int64_t queries);
  Inputs gather(const Shape& shape) const;
  void count(const Shape& shape, PassCost& cost) const;

  const TensorWeights& weights_;
  const DecoderConfig& config_;
  std::int64_t capacity_;
  DeviceTimer timer_;
  at::Tensor keys_, values_;    // [layers, kv_heads, capacity, head_dim], in the layers' format
  RotaryTensors rotary_;        // of all positions; undefined without rotary encoding
  at::Tensor places_;           // [capacity]: 0, 1, 2, ...
  at::Tensor staged_, inputs_;  // [2, kPassRows]: token ids and positions of the rows, on the host and on the device
  at::Tensor output_;           // [kGraphRows, vocab]: logits of graphs
  at::Tensor pending_;          // [capacity, hidden]: kept states; undefined before there are any
  at::Tensor logits_;           // [rows, vocab] on the host
  DeviceGraphs graphs_;         // last: goes before the tensors that its graphs work on
};

}  // namespace dynexec
