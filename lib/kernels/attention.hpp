// Attention over a preallocated cache, causal or not, tile by tile with a running softmax: memory for a row does not
// grow with the context (Milakov & Gimelshein 2018; Rabe & Staats 2021).
#pragma once

#include <cstdint>

#include "kernels/aligned.hpp"

namespace dynexec {

// Positions in one tile of the cache.
inline constexpr std::int64_t kTilePositions = 64;

// Keys and values of every layer and key/value head. Rolling back needs no work here: entries behind the
// length are never read and are overwritten later. Keys lie in tiles [tile, head_dim, 64 positions], so that
// 64 scores are one panel product; values lie as [position, head_dim padded to 16].
class KvCache {
 public:
  KvCache(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim, std::int64_t capacity);

  std::int64_t head_dim() const { return head_dim_; }
  std::int64_t padded_dim() const { return padded_dim_; }
  std::int64_t capacity() const { return capacity_; }
  std::int64_t bytes() const { return (keys_.size() + values_.size()) * static_cast<std::int64_t>(sizeof(float)); }

  const float* keys(std::int64_t layer, std::int64_t head) const;
  const float* values(std::int64_t layer, std::int64_t head) const;
  // key and value [head_dim] at `position`.
  void write(std::int64_t layer, std::int64_t head, std::int64_t position, const float* key, const float* value);

 private:
  std::int64_t kv_heads_, head_dim_, padded_dim_, capacity_, tiles_;
  AlignedFloats keys_, values_;
};

// Rows first .. first + rows - 1 (their positions) of the heads that share one key/value head.
struct AttentionRows {
  const float* query = nullptr;  // row r, head h at query + r * query_stride + h * head_dim
  std::int64_t query_stride = 0;
  float* out = nullptr;  // row r, head h at out + r * out_stride + h * head_dim
  std::int64_t out_stride = 0;
  std::int64_t rows = 0, heads = 0;
  std::int64_t first = 0;   // position of row 0
  std::int64_t window = 0;  // 0: all earlier positions; else the last `window` including its own
  float scale = 1;          // of the scores, usually 1 / sqrt(head_dim)
  std::int64_t sees = 0;    // 0: causal; else every row sees the positions [0, sees), as in an encoder
};

// Floats of scratch memory that attend() needs for up to `heads` heads at a time.
std::int64_t attention_scratch(const KvCache& cache, std::int64_t heads);

// Runs on the calling thread. The result of a row is bitwise independent of the other rows.
void attend(const KvCache& cache, std::int64_t layer, std::int64_t kv_head, const AttentionRows& request,
            float* scratch);

// Cache positions that attend() reads for these rows: what the cost counters need.
std::int64_t attended_positions(std::int64_t first, std::int64_t rows, std::int64_t window);

}  // namespace dynexec
