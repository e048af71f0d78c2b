#include "kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/branch.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

// Query rows (tokens x heads) that go through a tile together.
constexpr std::int64_t kBlockRows = 24;

// Grows to what the largest model asks for and is then reused: no allocation in the steady state.
AlignedFloats& scratch(std::int64_t floats) {
  thread_local AlignedFloats memory;
  if (memory.size() < floats) memory = AlignedFloats(floats);
  return memory;
}

// A block of consecutive tokens with all their heads; row = token * heads + head.
class Block {
 public:
  Block(const KvCache& cache, const AttentionRows& request, std::int64_t begin, std::int64_t end,
        float* memory)
      : cache_(cache), request_(request), kernels_(kernel_branch()), begin_(begin), tokens_(end - begin) {
    const std::int64_t rows = tokens_ * request.heads;
    query_ = memory;
    scores_ = query_ + round_up(rows * cache.head_dim(), kPanelStep);
    out_ = scores_ + rows * kTilePositions;
    maximum_ = out_ + rows * cache.padded_dim();
    sum_ = maximum_ + rows;
    for (std::int64_t t = 0; t < tokens_; ++t) {
      const float* source = request.query + (begin + t) * request.query_stride;
      std::copy_n(source, request.heads * cache.head_dim(), query_ + t * request.heads * cache.head_dim());
    }
    std::fill_n(out_, rows * cache.padded_dim(), 0.0f);
    std::fill_n(maximum_, rows, -std::numeric_limits<float>::infinity());
    std::fill_n(sum_, rows, 0.0f);
  }

  static std::int64_t floats(const KvCache& cache, std::int64_t rows) {
    return round_up(rows * cache.head_dim(), kPanelStep) + rows * (kTilePositions + cache.padded_dim() + 2);
  }

  std::int64_t last_position(std::int64_t token) const { return request_.first + begin_ + token; }
  std::int64_t first_position(std::int64_t token) const {
    return request_.window > 0 ? std::max<std::int64_t>(0, last_position(token) - request_.window + 1) : 0;
  }

  void run(const float* keys, const float* values) {
    const std::int64_t first_tile = first_position(0) / kTilePositions;
    const std::int64_t last_tile = last_position(tokens_ - 1) / kTilePositions;
    for (std::int64_t tile = first_tile; tile <= last_tile; ++tile) {
      const std::int64_t start = tile * kTilePositions;
      const float* tile_keys = keys + start * cache_.head_dim();
      const float* tile_values = values + start * cache_.padded_dim();
      // Tokens that see the whole tile go together, the others one by one with their own range.
      std::int64_t t = 0;
      while (t < tokens_) {
        const std::int64_t low = std::max<std::int64_t>(0, first_position(t) - start);
        const std::int64_t high = std::min<std::int64_t>(kTilePositions, last_position(t) + 1 - start);
        std::int64_t together = 1;
        while (low == 0 && high == kTilePositions && t + together < tokens_ &&
               first_position(t + together) <= start) {
          ++together;
        }
        if (low < high) run_tile(t, together, tile_keys, tile_values, low, high);
        t += together;
      }
    }
  }

  void store() {
    const std::int64_t dim = cache_.head_dim();
    for (std::int64_t t = 0; t < tokens_; ++t) {
      for (std::int64_t h = 0; h < request_.heads; ++h) {
        const std::int64_t row = t * request_.heads + h;
        float* source = out_ + row * cache_.padded_dim();
        kernels_.scale(source, cache_.padded_dim(), 1.0f / sum_[row]);
        std::copy_n(source, dim, request_.out + (begin_ + t) * request_.out_stride + h * dim);
      }
    }
  }

 private:
  // Positions [low, high) of a tile for `count` tokens from token t on.
  void run_tile(std::int64_t t, std::int64_t count, const float* keys, const float* values, std::int64_t low,
                std::int64_t high) {
    const std::int64_t row = t * request_.heads;
    const int rows = static_cast<int>(count * request_.heads);
    const std::int64_t dim = cache_.head_dim(), padded = cache_.padded_dim();
    const std::int64_t base = low / kPanelStep * kPanelStep;  // scores start at a whole vector
    const int width = static_cast<int>(round_up(high - base, kPanelStep));
    float* scores = scores_ + row * kTilePositions;
    kernels_.product(query_ + row * dim, dim, rows, keys + base, kTilePositions, dim, width, scores,
                     kTilePositions, false);
    for (int r = 0; r < rows; ++r) {
      float* own = scores + r * kTilePositions;
      std::fill_n(own, low - base, -std::numeric_limits<float>::infinity());
      const float decay = kernels_.softmax_tile(own, static_cast<int>(high - base), request_.scale,
                                                &maximum_[row + r], &sum_[row + r]);
      kernels_.scale(out_ + (row + r) * padded, padded, decay);
    }
    for (std::int64_t d = 0; d < padded; d += kPanelWidth) {
      const int columns = static_cast<int>(std::min<std::int64_t>(kPanelWidth, padded - d));
      kernels_.product(scores + (low - base), kTilePositions, rows, values + low * padded + d, padded,
                       high - low, columns, out_ + row * padded + d, padded, true);
    }
  }

  const KvCache& cache_;
  const AttentionRows& request_;
  const KernelBranch& kernels_;
  std::int64_t begin_, tokens_;
  float *query_, *scores_, *out_, *maximum_, *sum_;
};

}  // namespace

KvCache::KvCache(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim, std::int64_t capacity)
    : kv_heads_(kv_heads),
      head_dim_(head_dim),
      padded_dim_(round_up(head_dim, kPanelStep)),
      capacity_(capacity),
      tiles_(round_up(capacity, kTilePositions) / kTilePositions),
      keys_(layers * kv_heads * tiles_ * kTilePositions * head_dim),
      values_(layers * kv_heads * tiles_ * kTilePositions * padded_dim_) {}

const float* KvCache::keys(std::int64_t layer, std::int64_t head) const {
  return keys_.data() + (layer * kv_heads_ + head) * tiles_ * kTilePositions * head_dim_;
}

const float* KvCache::values(std::int64_t layer, std::int64_t head) const {
  return values_.data() + (layer * kv_heads_ + head) * tiles_ * kTilePositions * padded_dim_;
}

void KvCache::write(std::int64_t layer, std::int64_t head, std::int64_t position, const float* key,
                    const float* value) {
  const std::int64_t plane = (layer * kv_heads_ + head) * tiles_ * kTilePositions;
  float* k = keys_.data() + plane * head_dim_ + position / kTilePositions * kTilePositions * head_dim_ +
             position % kTilePositions;
  for (std::int64_t d = 0; d < head_dim_; ++d) k[d * kTilePositions] = key[d];
  std::copy_n(value, head_dim_, values_.data() + (plane + position) * padded_dim_);
}

void attend(const KvCache& cache, std::int64_t layer, std::int64_t kv_head, const AttentionRows& request) {
  const std::int64_t tokens = std::max<std::int64_t>(1, kBlockRows / request.heads);
  float* memory = scratch(Block::floats(cache, tokens * request.heads)).data();
  const float* keys = cache.keys(layer, kv_head);
  const float* values = cache.values(layer, kv_head);
  for (std::int64_t t = 0; t < request.rows; t += tokens) {
    Block block(cache, request, t, std::min(request.rows, t + tokens), memory);
    block.run(keys, values);
    block.store();
  }
}

std::int64_t attended_positions(std::int64_t first, std::int64_t rows, std::int64_t window) {
  if (rows <= 0) return 0;
  const std::int64_t begin = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
  return first + rows - begin;
}

}  // namespace dynexec
