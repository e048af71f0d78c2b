#include <algorithm>
#include <cmath>
#include <cstring>

#include "branches.hpp"
#include "kernels/attention.hpp"

using namespace dynexec;

namespace {

struct Shape {
  std::int64_t heads, dim, length, rows, window;
};

constexpr Shape kShapes[] = {
    {1, 8, 1, 1, 0},     {1, 64, 70, 5, 0},    {3, 16, 64, 1, 0},   {2, 24, 129, 16, 0},  {8, 8, 300, 7, 0},
    {1, 136, 90, 3, 0},  {4, 32, 257, 33, 0},  {2, 16, 200, 12, 9}, {1, 48, 300, 40, 64}, {2, 32, 600, 20, 300},
    {5, 20, 513, 2, 65}, {1, 64, 520, 260, 0}, {30, 8, 100, 3, 17}, {1, 16, 40, 40, 1},
};

// What an int8 cache keeps of x: the nearest multiples of a 127th of the largest.
void round_like_cache(float* x, std::int64_t size) {
  float largest = 0;
  for (std::int64_t d = 0; d < size; ++d) largest = std::max(largest, std::abs(x[d]));
  for (std::int64_t d = 0; d < size; ++d) x[d] = std::nearbyint(x[d] * (127 / largest)) * (largest / 127);
}

struct Data {
  explicit Data(const Shape& s, CacheFormat format = CacheFormat::fp32)
      : shape(s),
        keys(random_values(static_cast<std::size_t>(s.length * s.dim), 1)),
        values(random_values(static_cast<std::size_t>(s.length * s.dim), 2)),
        queries(random_values(static_cast<std::size_t>(s.rows * s.heads * s.dim), 3, 2)),
        cache(2, 3, s.dim, s.length, format) {
    for (std::int64_t p = 0; p < s.length; ++p) {
      cache.write(1, 2, p, keys.data() + p * s.dim, values.data() + p * s.dim);
      if (format == CacheFormat::fp32) continue;
      round_like_cache(keys.data() + p * s.dim, s.dim);
      round_like_cache(values.data() + p * s.dim, s.dim);
    }
  }

  AttentionRows request(std::vector<float>& out) const {
    AttentionRows rows;
    rows.query = queries.data();
    rows.query_stride = rows.out_stride = shape.heads * shape.dim;
    rows.out = out.data();
    rows.rows = shape.rows;
    rows.heads = shape.heads;
    rows.first = shape.length - shape.rows;
    rows.window = shape.window;
    rows.scale = 0.3f;
    return rows;
  }

  // The textbook form: all scores, one softmax, in double precision.
  std::vector<double> naive(std::int64_t row, std::int64_t head) const {
    const std::int64_t last = shape.length - shape.rows + row;
    const std::int64_t begin = shape.window > 0 ? std::max<std::int64_t>(0, last - shape.window + 1) : 0;
    const float* query = queries.data() + (row * shape.heads + head) * shape.dim;
    std::vector<double> scores, out(static_cast<std::size_t>(shape.dim), 0);
    double top = -1e300, total = 0;
    for (std::int64_t p = begin; p <= last; ++p) {
      double sum = 0;
      for (std::int64_t d = 0; d < shape.dim; ++d) {
        sum += static_cast<double>(query[d]) * static_cast<double>(keys[static_cast<std::size_t>(p * shape.dim + d)]);
      }
      scores.push_back(sum * 0.3);
      top = std::max(top, scores.back());
    }
    for (double& s : scores) total += s = std::exp(s - top);
    for (std::int64_t p = begin; p <= last; ++p) {
      for (std::int64_t d = 0; d < shape.dim; ++d) {
        out[static_cast<std::size_t>(d)] += scores[static_cast<std::size_t>(p - begin)] / total *
                                            static_cast<double>(values[static_cast<std::size_t>(p * shape.dim + d)]);
      }
    }
    return out;
  }

  Shape shape;
  std::vector<float> keys, values, queries;
  KvCache cache;
};

void run(const KvCache& cache, std::int64_t layer, std::int64_t head, const AttentionRows& rows) {
  AlignedFloats scratch(attention_scratch(cache, rows.heads));
  attend(cache, layer, head, rows, scratch.data());
}

}  // namespace

TEST_CASE("tiled attention equals the naive form, and a row does not depend on the others") {
  for_each_branch([] {
    for (int i = 0; i < 2 * static_cast<int>(std::size(kShapes)); ++i) {
      const Shape& shape = kShapes[i / 2];
      const bool int8 = i % 2 == 1;
      INFO("heads ", shape.heads, " dim ", shape.dim, " length ", shape.length, " rows ", shape.rows, " window ",
           shape.window, int8 ? " int8" : "");
      const Data data(shape, int8 ? CacheFormat::int8 : CacheFormat::fp32);
      const std::int64_t width = shape.heads * shape.dim;
      std::vector<float> out(static_cast<std::size_t>(shape.rows * width), NAN), alone(out);
      run(data.cache, 1, 2, data.request(out));
      double worst = 0;
      for (std::int64_t r = 0; r < shape.rows; ++r) {
        AttentionRows one = data.request(alone);
        one.query += r * width;
        one.out += r * width;
        one.rows = 1;
        one.first += r;
        run(data.cache, 1, 2, one);
        for (std::int64_t h = 0; h < shape.heads; ++h) {
          const std::vector<double> wanted = data.naive(r, h);
          for (std::int64_t d = 0; d < shape.dim; ++d) {
            const auto i = static_cast<std::size_t>(r * width + h * shape.dim + d);
            worst = std::max(worst, std::abs(static_cast<double>(out[i]) - wanted[static_cast<std::size_t>(d)]));
          }
        }
      }
      CHECK(worst < 2e-5);
      CHECK(std::memcmp(alone.data(), out.data(), out.size() * sizeof(float)) == 0);
    }
  });
}

TEST_CASE("an int8 cache holds a quarter of the bytes and a scale for each key and value") {
  const KvCache wide(2, 3, 64, 100), narrow(2, 3, 64, 100, CacheFormat::int8);
  CHECK(wide.entry_bytes() == 256);
  CHECK(narrow.entry_bytes() == 68);
  CHECK(wide.bytes() == 2 * 2 * 3 * 128 * 256);
  CHECK(narrow.bytes() == 2 * 2 * 3 * 128 * 68);
}

TEST_CASE("in an encoder every row sees every position, and none behind them") {
  for_each_branch([] {
    for (const Shape& shape : {Shape{1, 8, 1, 1, 0}, Shape{1, 32, 40, 40, 0}, Shape{2, 24, 130, 130, 0},
                               Shape{1, 64, 300, 300, 0}, Shape{3, 16, 70, 9, 0}}) {
      INFO("heads ", shape.heads, " dim ", shape.dim, " length ", shape.length, " rows ", shape.rows);
      Data data(shape);
      const std::int64_t width = shape.heads * shape.dim;
      // The last row of a causal pass sees everything: its reference serves each row's own query.
      std::vector<float> out(static_cast<std::size_t>(shape.rows * width), NAN), last(static_cast<std::size_t>(width));
      AttentionRows all = data.request(out);
      all.first = 0;
      all.sees = shape.length;
      run(data.cache, 1, 2, all);
      for (std::int64_t r = 0; r < shape.rows; ++r) {
        AttentionRows one = data.request(last);
        one.query += r * width;
        one.rows = 1;
        one.first = shape.length - 1;
        run(data.cache, 1, 2, one);
        CHECK(std::memcmp(last.data(), out.data() + r * width, last.size() * sizeof(float)) == 0);
      }
    }
  });
}

TEST_CASE("what lies behind the rows in the cache is never seen") {
  for_each_branch([] {
    const Shape shape{2, 16, 75, 3, 0};
    Data data(shape);
    std::vector<float> before(static_cast<std::size_t>(3 * 2 * 16)), after(before);
    AttentionRows rows = data.request(before);
    rows.first = 40;
    run(data.cache, 1, 2, rows);
    const std::vector<float> poison(16, NAN);
    for (std::int64_t p = 43; p < 75; ++p) data.cache.write(1, 2, p, poison.data(), poison.data());
    rows.out = after.data();
    run(data.cache, 1, 2, rows);
    CHECK(before == after);
  });
}

TEST_CASE("scores far apart neither overflow nor vanish") {
  for_each_branch([] {
    KvCache cache(1, 1, 16, 400);
    std::vector<float> key(16, 0), value(16, 0), query(16, 0), out(16, NAN);
    query[0] = 1;
    for (std::int64_t p = 0; p < 400; ++p) {
      key[0] = p == 333 ? 30000.0f : -30000.0f + static_cast<float>(p);
      value[0] = static_cast<float>(p);
      cache.write(0, 0, p, key.data(), value.data());
    }
    AttentionRows rows{query.data(), 16, out.data(), 16, 1, 1, 399, 0, 1.0f};
    run(cache, 0, 0, rows);
    CHECK(out[0] == 333);
  });
}

TEST_CASE("attended positions") {
  CHECK(attended_positions(0, 1, 0) == 1);
  CHECK(attended_positions(10, 5, 0) == 15);
  CHECK(attended_positions(10, 5, 4) == 8);
  CHECK(attended_positions(1, 2, 100) == 3);
  CHECK(attended_positions(7, 0, 0) == 0);
}
