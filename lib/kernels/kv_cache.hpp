// The keys and values of a sequence, preallocated.
#pragma once

#include <cstdint>

#include "kernels/aligned.hpp"

namespace dynexec {

// Positions in one tile of the cache.
inline constexpr std::int64_t kTilePositions = 64;

// int8: a scale for each key and each value of a head, so that a position does not depend on the others.
enum class CacheFormat { fp32, int8 };

// Of one layer and key/value head; fp32: floats alone, int8: codes and scales.
struct KvHead {
  const float *keys = nullptr, *values = nullptr;
  const std::int8_t *key_codes = nullptr, *value_codes = nullptr;
  const float *key_scales = nullptr, *value_scales = nullptr;  // by position
};

// Keys and values of every layer and key/value head. Rolling back needs no work here: entries behind the
// length are never read and are overwritten later. Keys lie in tiles [tile, head_dim, 64 positions], so that
// 64 scores are one panel product; values lie as [position, head_dim padded to 16].
class KvCache {
 public:
  KvCache(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim, std::int64_t capacity,
          CacheFormat format = CacheFormat::fp32);

  CacheFormat format() const { return format_; }
  std::int64_t head_dim() const { return head_dim_; }
  std::int64_t padded_dim() const { return padded_dim_; }
  std::int64_t capacity() const { return capacity_; }
  std::int64_t bytes() const;
  // That a key or value of one position and head takes, its scale included.
  std::int64_t entry_bytes() const;

  KvHead head(std::int64_t layer, std::int64_t head) const;
  // key and value [head_dim] at `position`.
  void write(std::int64_t layer, std::int64_t head, std::int64_t position, const float* key, const float* value);

 private:
  std::int64_t plane(std::int64_t layer, std::int64_t head) const;  // positions before it

  CacheFormat format_;
  std::int64_t kv_heads_, head_dim_, padded_dim_, capacity_, tiles_;
  AlignedFloats keys_, values_;
  AlignedBytes key_codes_, value_codes_;
  AlignedFloats key_scales_, value_scales_;
};

}  // namespace dynexec
