// What a session holds and how tokens pass through layers. Private to the models room.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/attention.hpp"
#include "models/decoder.hpp"
#include "models/decoder_weights.hpp"
#include "models/rope.hpp"

namespace dynexec {

struct DecoderSession::State {
  State(std::shared_ptr<const Decoder> owner, const Decoder::Weights& w, std::int64_t positions);

  // `rows` tokens in `hidden` at positions first .. through layers [begin, end). Only the last `wanted` of them
  // have their states after the last of these layers computed; the others leave their keys and values there.
  void run_layers(std::int64_t rows, std::int64_t first, std::int64_t begin, std::int64_t end, std::int64_t wanted);
  void norm_rows(const NormWeights& norm, const float* in, float* out, std::int64_t rows);
  void norm_row(const NormWeights& norm, const float* in, std::int64_t size, float* out) const;
  // Writes the keys and values of `rows` positions; the last `queries` of them attend.
  void attention(std::int64_t layer, std::int64_t rows, std::int64_t first, std::int64_t queries);
  // Rotates the new queries of a key/value head's group and writes its keys and values to the cache.
  void prepare_head(std::int64_t layer, std::int64_t kv_head, std::int64_t rows, std::int64_t first);
  // Queries of the rows [begin, rows), the first of all rows being position `first`.
  void attend_heads(std::int64_t layer, std::int64_t first_head, std::int64_t heads, std::int64_t begin,
                    std::int64_t rows, std::int64_t first, int thread);

  void check_tokens(std::span<const std::int32_t> tokens, std::int64_t start) const;
  void check_logit_rows(std::int64_t logit_rows, std::int64_t tokens) const;
  void reserve_logits(std::int64_t rows);
  // The final norm and head for the rows of a chunk that are among the last `wanted` of `total`.
  void chunk_logits(std::int64_t chunk_begin, std::int64_t rows, std::int64_t total, std::int64_t wanted,
                    std::int64_t first_position);
  template <class Fill>
  std::span<const float> run(std::int64_t total, std::int64_t first, std::int64_t begin_layer, std::int64_t end_layer,
                             std::int64_t logit_rows, bool keep_hidden, Fill fill);

  std::shared_ptr<const Decoder> decoder;
  const Decoder::Weights& weights;
  const DecoderConfig& config;
  std::int64_t capacity, pass_rows;
  std::int64_t length = 0, early_length = 0, exit_layer = 0;
  KvCache cache;
  RopeTable rope;
  AlignedFloats hidden, normed, qkv, attended, inner, logits;
  std::vector<AlignedFloats> scratch;  // of attention, one for each thread of the pool
  // [capacity, hidden]: states after exit_layer of the positions from length to early_length
  AlignedFloats pending;
  PassCost cost;
};

}  // namespace dynexec
