#include "kernels/kv_cache.hpp"

#include <algorithm>
#include <vector>

#include "kernels/branch.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

constexpr std::int64_t kFloatBytes = sizeof(float);

}  // namespace

KvCache::KvCache(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim, std::int64_t capacity,
                 CacheFormat format)
    : format_(format),
      kv_heads_(kv_heads),
      head_dim_(head_dim),
      padded_dim_(round_up(head_dim, kPanelStep)),
      capacity_(capacity),
      tiles_(round_up(capacity, kTilePositions) / kTilePositions) {
  const std::int64_t positions = plane(layers, 0);
  if (format == CacheFormat::fp32) {
    keys_ = AlignedFloats(positions * head_dim_);
    values_ = AlignedFloats(positions * padded_dim_);
  } else {
    key_codes_ = AlignedBytes(positions * head_dim_);
    value_codes_ = AlignedBytes(positions * padded_dim_);
    key_scales_ = AlignedFloats(positions);
    value_scales_ = AlignedFloats(positions);
  }
}

std::int64_t KvCache::plane(std::int64_t layer, std::int64_t head) const {
  return (layer * kv_heads_ + head) * tiles_ * kTilePositions;
}

std::int64_t KvCache::bytes() const {
  return (keys_.size() + values_.size() + key_scales_.size() + value_scales_.size()) * kFloatBytes + key_codes_.size() +
         value_codes_.size();
}

std::int64_t KvCache::entry_bytes() const {
  return format_ == CacheFormat::fp32 ? head_dim_ * kFloatBytes : head_dim_ + kFloatBytes;
}

KvHead KvCache::head(std::int64_t layer, std::int64_t head) const {
  const std::int64_t before = plane(layer, head);
  if (format_ == CacheFormat::fp32)
    return {.keys = keys_.data() + before * head_dim_, .values = values_.data() + before * padded_dim_};
  return {.key_codes = key_codes_.as<std::int8_t>() + before * head_dim_,
          .value_codes = value_codes_.as<std::int8_t>() + before * padded_dim_,
          .key_scales = key_scales_.data() + before,
          .value_scales = value_scales_.data() + before};
}

void KvCache::write(std::int64_t layer, std::int64_t head, std::int64_t position, const float* key,
                    const float* value) {
  const std::int64_t before = plane(layer, head);
  const std::int64_t key_at =
      (before + position / kTilePositions * kTilePositions) * head_dim_ + position % kTilePositions;
  const std::int64_t value_at = (before + position) * padded_dim_;
  if (format_ == CacheFormat::fp32) {
    float* k = keys_.data() + key_at;
    for (std::int64_t d = 0; d < head_dim_; ++d) k[d * kTilePositions] = key[d];
    std::copy_n(value, head_dim_, values_.data() + value_at);
    return;
  }
  static thread_local std::vector<std::int8_t> codes;  // heads are written by several threads
  codes.resize(static_cast<std::size_t>(head_dim_));
  std::int32_t sum = 0;
  kernel_branch().round_group(key, head_dim_, codes.data(), &key_scales_[before + position], &sum);
  std::int8_t* k = key_codes_.as<std::int8_t>() + key_at;
  for (std::int64_t d = 0; d < head_dim_; ++d) k[d * kTilePositions] = codes[static_cast<std::size_t>(d)];
  kernel_branch().round_group(value, head_dim_, value_codes_.as<std::int8_t>() + value_at,
                              &value_scales_[before + position], &sum);
}

}  // namespace dynexec
