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

// Query rows (tokens x heads) that go through the cache together.
constexpr std::int64_t kBlockRows = 24;
// Positions in one step of the running softmax, and the distance of rows of scores: a vector may run over the
// end.
constexpr std::int64_t kSpan = 4 * kTilePositions;
constexpr std::int64_t kScoreStride = kSpan + kPanelStep;

std::int64_t block_tokens(std::int64_t heads) {
  return std::max<std::int64_t>(1, kBlockRows / heads);
}

struct Range {
  std::int64_t low, high;  // positions [low, high) within a span
};

// A block of consecutive tokens with all their heads; row = token * heads + head. The sums of a row run over
// its own positions in ascending order whatever the other rows see.
class Block {
 public:
  Block(const KvCache& cache, const KvHead& head, const AttentionRows& request, std::int64_t begin, std::int64_t end,
        float* memory)
      : cache_(cache), head_(head), request_(request), kernels_(kernel_branch()), begin_(begin), tokens_(end - begin) {
    const std::int64_t rows = tokens_ * request.heads;
    query_ = memory;
    scores_ = query_ + round_up(rows * cache.head_dim(), kPanelStep);
    out_ = scores_ + rows * kScoreStride;
    maximum_ = out_ + rows * cache.padded_dim();
    sum_ = maximum_ + rows;
    tile_ = memory + round_up(row_floats(cache, rows), kPanelStep);
    for (std::int64_t t = 0; t < tokens_; ++t) {
      const float* source = request.query + (begin + t) * request.query_stride;
      std::copy_n(source, request.heads * cache.head_dim(), query_ + t * request.heads * cache.head_dim());
    }
    std::fill_n(out_, rows * cache.padded_dim(), 0.0f);
    std::fill_n(maximum_, rows, -std::numeric_limits<float>::infinity());
    std::fill_n(sum_, rows, 0.0f);
  }

  static std::int64_t floats(const KvCache& cache, std::int64_t rows) {
    const std::int64_t tile = cache.format() == CacheFormat::fp32 ? 0 : kTilePositions * cache.padded_dim();
    return round_up(row_floats(cache, rows), kPanelStep) + tile;
  }

  void run() {
    const std::int64_t first_span = first_position(0) / kSpan;
    const std::int64_t last_span = last_position(tokens_ - 1) / kSpan;
    for (std::int64_t span = first_span; span <= last_span; ++span) run_span(span * kSpan);
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
  static std::int64_t row_floats(const KvCache& cache, std::int64_t rows) {
    return round_up(rows * cache.head_dim(), kPanelStep) + rows * (kScoreStride + cache.padded_dim() + 2);
  }
  std::int64_t last_position(std::int64_t token) const {
    return request_.sees > 0 ? request_.sees - 1 : request_.first + begin_ + token;
  }
  std::int64_t first_position(std::int64_t token) const {
    return request_.window > 0 ? std::max<std::int64_t>(0, last_position(token) - request_.window + 1) : 0;
  }
  Range range(std::int64_t token, std::int64_t start) const {
    return {std::max<std::int64_t>(0, first_position(token) - start),
            std::min<std::int64_t>(kSpan, last_position(token) + 1 - start)};
  }

  // The tile of keys from position `first` on, [head_dim, kTilePositions].
  const float* key_tile(std::int64_t first) const {
    const std::int64_t at = first * cache_.head_dim();
    if (cache_.format() == CacheFormat::fp32) return head_.keys + at;
    kernels_.widen_columns(head_.key_codes + at, head_.key_scales + first, cache_.head_dim(), kTilePositions, tile_);
    return tile_;
  }
  // Values of positions of one tile, [count, padded_dim].
  const float* value_rows(std::int64_t first, std::int64_t count) const {
    const std::int64_t padded = cache_.padded_dim();
    if (cache_.format() == CacheFormat::fp32) return head_.values + first * padded;
    kernels_.widen_rows(head_.value_codes + first * padded, head_.value_scales + first, count, padded, tile_);
    return tile_;
  }

  void run_span(std::int64_t start) {
    // Tokens that see something of the span: later tokens start and end later, so they are consecutive.
    std::int64_t begin = 0, end = tokens_;
    while (begin < end && range(begin, start).low >= range(begin, start).high) ++begin;
    while (end > begin && range(end - 1, start).low >= range(end - 1, start).high) --end;
    if (begin == end) return;
    const Range widest{range(begin, start).low, range(end - 1, start).high};
    const Range shared{range(end - 1, start).low, range(begin, start).high};
    compute_scores(begin, end, widest, start);
    for (std::int64_t t = begin; t < end; ++t) softmax(t, range(t, start));
    if (shared.low >= shared.high) {
      for (std::int64_t t = begin; t < end; ++t) add_values(t, t + 1, range(t, start), start);
      return;
    }
    for (std::int64_t t = begin; t < end; ++t) add_values(t, t + 1, {range(t, start).low, shared.low}, start);
    add_values(begin, end, shared, start);
    for (std::int64_t t = begin; t < end; ++t) add_values(t, t + 1, {shared.high, range(t, start).high}, start);
  }

  void compute_scores(std::int64_t begin, std::int64_t end, Range positions, std::int64_t start) {
    const std::int64_t dim = cache_.head_dim(), row = begin * request_.heads;
    const int rows = static_cast<int>((end - begin) * request_.heads);
    for (std::int64_t p = positions.low / kPanelStep * kPanelStep; p < positions.high;) {
      const std::int64_t column = p % kTilePositions, tile = p - column;
      const std::int64_t stop = std::min(tile + kTilePositions, round_up(positions.high, kPanelStep));
      kernels_.product(query_ + row * dim, dim, rows, key_tile(start + tile) + column, kTilePositions, dim,
                       static_cast<int>(stop - p), scores_ + row * kScoreStride + p, kScoreStride, false);
      p = stop;
    }
  }

  void softmax(std::int64_t token, Range own) {
    for (std::int64_t row = token * request_.heads; row < (token + 1) * request_.heads; ++row) {
      const float decay =
          kernels_.softmax_span(scores_ + row * kScoreStride + own.low, static_cast<int>(own.high - own.low),
                                request_.scale, &maximum_[row], &sum_[row]);
      if (decay != 1) kernels_.scale(out_ + row * cache_.padded_dim(), cache_.padded_dim(), decay);
    }
  }

  // Sums go on where they are from tile to tile, so that where it is cut does not show.
  void add_values(std::int64_t begin, std::int64_t end, Range positions, std::int64_t start) {
    const std::int64_t padded = cache_.padded_dim(), row = begin * request_.heads;
    const int rows = static_cast<int>((end - begin) * request_.heads);
    const bool tiles = cache_.format() != CacheFormat::fp32;
    for (std::int64_t p = positions.low; p < positions.high;) {
      const std::int64_t stop =
          tiles ? std::min(positions.high, p / kTilePositions * kTilePositions + kTilePositions) : positions.high;
      const float* values = value_rows(start + p, stop - p);
      for (std::int64_t d = 0; d < padded; d += kPanelWidth) {
        const int columns = static_cast<int>(std::min<std::int64_t>(kPanelWidth, padded - d));
        kernels_.product(scores_ + row * kScoreStride + p, kScoreStride, rows, values + d, padded, stop - p, columns,
                         out_ + row * padded + d, padded, true);
      }
      p = stop;
    }
  }

  const KvCache& cache_;
  KvHead head_;
  const AttentionRows& request_;
  const KernelBranch& kernels_;
  std::int64_t begin_, tokens_;
  float *query_, *scores_, *out_, *maximum_, *sum_, *tile_;
};

}  // namespace

std::int64_t attention_scratch(const KvCache& cache, std::int64_t heads) {
  // A share of the heads may fill a block with more rows than all heads together do (4 x 5 rows, but 12 x 2).
  return Block::floats(cache, std::max(kBlockRows, heads));
}

void attend(const KvCache& cache, std::int64_t layer, std::int64_t kv_head, const AttentionRows& request,
            float* scratch) {
  const std::int64_t tokens = block_tokens(request.heads);
  const KvHead head = cache.head(layer, kv_head);
  for (std::int64_t t = 0; t < request.rows; t += tokens) {
    Block block(cache, head, request, t, std::min(request.rows, t + tokens), scratch);
    block.run();
    block.store();
  }
}

std::int64_t attended_positions(std::int64_t first, std::int64_t rows, std::int64_t window) {
  if (rows <= 0) return 0;
  const std::int64_t begin = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
  return first + rows - begin;
}

}  // namespace dynexec
