// Attention over a preallocated cache, causal or not, tile by tile with a running softmax: memory for a row does not
// grow with the context (Milakov & Gimelshein 2018; Rabe & Staats 2021).
#pragma once

#include <cstdint>

#include "kernels/kv_cache.hpp"

namespace dynexec {

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
