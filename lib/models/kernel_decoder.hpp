// Decoding with the own kernels. Private to the models room.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attention.hpp"
#include "models/decoder_engine.hpp"
#include "models/decoder_weights.hpp"
#include "models/rope.hpp"

namespace dynexec {

class KernelDecoder final : public DecoderEngine {
 public:
  KernelDecoder(const DecoderWeights& weights, std::int64_t capacity);

  float* reserve_logits(std::int64_t rows) override;
  void run(const DecoderChunk& chunk, PassCost& cost) override;
  // Entries behind the length are never read and are overwritten later.
  void discard(std::int64_t, std::int64_t, std::int64_t, std::int64_t) override {}

  bool spreads_back() const override { return false; }

  double cache_bytes() const override { return static_cast<double>(cache_.bytes()); }
  double cache_value_bytes() const override;
  double memory_bytes() const override;

 private:
  // Only the last `wanted` rows have their states after the last of the chunk's layers computed; the others leave their
  // keys and values there.
  void run_layers(const DecoderChunk& chunk, std::int64_t wanted, PassCost& cost);
  // The final norm and head for the rows whose logits are wanted.
  void run_head(const DecoderChunk& chunk, PassCost& cost);
  // The embedding of `token` plus, where learned, that of its position.
  void embed(std::int32_t token, std::int64_t position, float* out) const;
  void norm_rows(const NormWeights& norm, const float* in, float* out, std::int64_t rows);
  void norm_row(const NormWeights& norm, const float* in, std::int64_t size, float* out) const;
  // Writes the keys and values of `rows` positions; the last `queries` of them attend.
  void attention(std::int64_t layer, std::int64_t rows, std::int64_t first, std::int64_t queries);
  // Rotates the new queries of a key/value head's group and writes its keys and values to the cache.
  void prepare_head(std::int64_t layer, std::int64_t kv_head, std::int64_t rows, std::int64_t first);
  // Queries of the rows [begin, rows), the first of all rows being position `first`.
  void attend_heads(std::int64_t layer, std::int64_t first_head, std::int64_t heads, std::int64_t begin,
                    std::int64_t rows, std::int64_t first, int thread);

  const KernelWeights& weights_;
  const DecoderConfig& config_;
  std::int64_t capacity_;
  KvCache cache_;
  RopeTable rope_;
  AlignedFloats hidden_, normed_, qkv_, attended_, inner_, logits_;
  std::vector<AlignedFloats> scratch_;  // of attention, one for each thread of the pool
  AlignedFloats pending_;               // [capacity, hidden]: kept states
};

}  // namespace dynexec
