// Texts on their way through an encoder's layers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "kernels/attention.hpp"
#include "kernels/thread_pool.hpp"
#include "models/encoder_weights.hpp"

namespace dynexec {
namespace {

// Multiply-adds of attention, and values to normalise, below which waking another thread costs more than it saves.
constexpr double kSerialAttentionMacs = 64 * 1024;
constexpr std::int64_t kSerialNormValues = 32 * 1024;

}  // namespace

struct EncoderSession::State {
  State(std::shared_ptr<const Encoder> owner, const EncoderWeights& w, std::size_t max_rows);

  std::int64_t tokens_of(std::size_t row) const { return begins[row + 1] - begins[row]; }
  std::int64_t tokens() const { return begins[rows]; }
  void embed(std::span<const std::int32_t> ids, std::int64_t begin);
  void run_layer(const EncoderLayer& layer);
  void attend_all();
  void attend_head(std::size_t row, std::int64_t head, float* memory);
  void norm_rows(const AlignedFloats& weight, const AlignedFloats& shift);
  std::span<const float> run_head(const EncoderHead& head, bool mean);
  void pool(bool mean);

  std::shared_ptr<const Encoder> encoder;
  const EncoderWeights& weights;
  const EncoderConfig& config;
  std::size_t max_rows, rows = 0;
  std::vector<std::int64_t> begins;  // [max_rows + 1]: where each text's tokens begin, and the end of the last
  std::int64_t done = 0;
  KvCache cache;  // a "layer" for each text
  AlignedFloats hidden, qkv, attended, inner, pooled, scratch_dense, logits;
  std::vector<AlignedFloats> scratch;  // of attention, one for each thread of the pool
  EncoderCost cost;
};

EncoderSession::State::State(std::shared_ptr<const Encoder> owner, const EncoderWeights& w, std::size_t most)
    : encoder(std::move(owner)),
      weights(w),
      config(w.config),
      max_rows(most),
      begins(most + 1, 0),
      cache(static_cast<std::int64_t>(most), w.config.heads, w.config.head_dim(), w.config.max_positions) {
  const auto texts = static_cast<std::int64_t>(most), tokens = texts * config.max_positions;
  hidden = AlignedFloats(tokens * config.hidden);
  qkv = AlignedFloats(tokens * 3 * config.hidden);
  attended = AlignedFloats(tokens * config.hidden);
  inner = AlignedFloats(tokens * config.intermediate);
  pooled = AlignedFloats(texts * config.hidden);
  scratch_dense = AlignedFloats(texts * config.hidden);
  logits = AlignedFloats(std::max<std::int64_t>(1, texts * config.classes));
}

void EncoderSession::State::embed(std::span<const std::int32_t> ids, std::int64_t begin) {
  const std::int64_t width = config.hidden;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const float* word = weights.words.data() + ids[i] * width;
    const float* place = weights.positions.data() + static_cast<std::int64_t>(i) * width;
    float* out = hidden.data() + (begin + static_cast<std::int64_t>(i)) * width;
    for (std::int64_t d = 0; d < width; ++d) out[d] = word[d] + place[d];
  }
}

void EncoderSession::State::norm_rows(const AlignedFloats& weight, const AlignedFloats& shift) {
  const std::int64_t width = config.hidden, grain = std::max<std::int64_t>(1, kSerialNormValues / width);
  const auto eps = static_cast<float>(config.norm_eps);
  compute_pool().split(tokens(), grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* row = hidden.data() + r * width;
      kernel_branch().layer_norm(row, weight.data(), shift.data(), width, eps, row);
    }
  });
}

void EncoderSession::State::attend_head(std::size_t row, std::int64_t head, float* memory) {
  const std::int64_t dim = config.head_dim(), width = config.hidden, count = tokens_of(row);
  const auto text = static_cast<std::int64_t>(row);
  const float* first = qkv.data() + begins[row] * 3 * width + head * dim;
  for (std::int64_t t = 0; t < count; ++t) {
    const float* token = first + t * 3 * width;
    cache.write(text, head, t, token + width, token + 2 * width);
  }
  AttentionRows request;
  request.query = first;
  request.query_stride = 3 * width;
  request.out = attended.data() + begins[row] * width + head * dim;
  request.out_stride = width;
  request.rows = request.sees = count;
  request.heads = 1;
  request.scale = 1.0f / std::sqrt(static_cast<float>(dim));
  attend(cache, text, head, request, memory);
}

void EncoderSession::State::attend_all() {
  ThreadPool& pool = compute_pool();
  while (static_cast<int>(scratch.size()) < pool.threads()) scratch.emplace_back(attention_scratch(cache, 1));
  double pairs = 0;
  for (std::size_t row = 0; row < rows; ++row) pairs += static_cast<double>(tokens_of(row) * tokens_of(row));
  const double macs = 2 * pairs * static_cast<double>(config.hidden);
  const std::int64_t parts = static_cast<std::int64_t>(rows) * config.heads;
  pool.split(parts, macs < kSerialAttentionMacs ? parts : 1, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t i = begin; i < end; ++i)
      attend_head(static_cast<std::size_t>(i / config.heads), i % config.heads,
                  scratch[static_cast<std::size_t>(thread)].data());
  });
  cost.macs += macs;
}

void EncoderSession::State::run_layer(const EncoderLayer& layer) {
  const std::int64_t count = tokens();
  layer.qkv->forward(hidden.data(), qkv.data(), count);
  attend_all();
  layer.out->forward_add(attended.data(), hidden.data(), count);
  norm_rows(layer.attention_norm, layer.attention_shift);
  layer.inner->forward(hidden.data(), inner.data(), count);
  layer.outer->forward_add(inner.data(), hidden.data(), count);
  norm_rows(layer.output_norm, layer.output_shift);
  cost.macs += static_cast<double>(count) * layer.macs_per_token();
  cost.weight_bytes += layer.weight_bytes();
}

void EncoderSession::State::pool(bool mean) {
  const std::int64_t width = config.hidden;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* states = hidden.data() + begins[row] * width;
    float* out = pooled.data() + static_cast<std::int64_t>(row) * width;
    std::copy_n(states, width, out);
    if (!mean) continue;
    for (std::int64_t t = 1; t < tokens_of(row); ++t)
      for (std::int64_t d = 0; d < width; ++d) out[d] += states[t * width + d];
    kernel_branch().scale(out, width, 1.0f / static_cast<float>(tokens_of(row)));
  }
}

std::span<const float> EncoderSession::State::run_head(const EncoderHead& head, bool mean) {
  if (head.classes() > config.classes) throw Error(ErrorKind::internal, "the head has too many classes", "", "");
  pool(mean);
  const auto count = static_cast<std::int64_t>(rows);
  head.classify(pooled.data(), count, scratch_dense.data(), logits.data());
  cost.macs += static_cast<double>(count) * head.macs_per_row();
  cost.weight_bytes += head.weight_bytes();
  if (!kernel_branch().all_finite(logits.data(), count * head.classes()))
    throw Error(ErrorKind::model, "the logits are not finite", fmt::format("after layer {}", done - 1),
                "the weights may be damaged; check the checkpoint's sha256");
  return {logits.data(), static_cast<std::size_t>(count * head.classes())};
}

EncoderSession::EncoderSession(std::shared_ptr<const Encoder> encoder, std::size_t max_rows) {
  const EncoderWeights& weights = *encoder->weights_;
  state_ = std::make_unique<State>(std::move(encoder), weights, std::max<std::size_t>(1, max_rows));
}
EncoderSession::~EncoderSession() = default;
EncoderSession::EncoderSession(EncoderSession&&) noexcept = default;

const Encoder& EncoderSession::encoder() const {
  return *state_->encoder;
}
std::size_t EncoderSession::max_rows() const {
  return state_->max_rows;
}
std::int64_t EncoderSession::done() const {
  return state_->done;
}
std::size_t EncoderSession::rows() const {
  return state_->rows;
}
const EncoderCost& EncoderSession::cost() const {
  return state_->cost;
}

void EncoderSession::start(std::span<const std::int32_t> tokens) {
  start(std::span(&tokens, 1));
}

void EncoderSession::start(std::span<const std::span<const std::int32_t>> texts) {
  State& s = *state_;
  if (texts.empty() || texts.size() > s.max_rows)
    throw Error(ErrorKind::data, fmt::format("{} texts at a time, the session takes 1 to {}", texts.size(), s.max_rows),
                "", "use smaller batches");
  for (const auto& tokens : texts) {
    if (tokens.empty()) throw Error(ErrorKind::data, "a text has no tokens", "", "leave empty texts out");
    if (static_cast<std::int64_t>(tokens.size()) > s.config.max_positions)
      throw Error(ErrorKind::data,
                  fmt::format("a text of {} tokens, the model takes {}", tokens.size(), s.config.max_positions), "",
                  "shorten the text");
    for (const std::int32_t id : tokens)
      if (id < 0 || id >= s.config.vocab)
        throw Error(ErrorKind::data, fmt::format("token id {} is outside the vocabulary of {}", id, s.config.vocab), "",
                    "use the tokenizer that belongs to the model");
  }
  s.rows = texts.size();
  for (std::size_t row = 0; row < s.rows; ++row) {
    s.begins[row + 1] = s.begins[row] + static_cast<std::int64_t>(texts[row].size());
    s.embed(texts[row], s.begins[row]);
  }
  s.norm_rows(s.weights.norm, s.weights.shift);
  s.done = 0;
  s.cost = {};
}

void EncoderSession::run_to(std::int64_t layer) {
  State& s = *state_;
  if (s.rows == 0 || layer < 0 || layer >= s.config.layers)
    throw Error(ErrorKind::internal, fmt::format("layer {} of {} cannot be run", layer, s.config.layers), "", "");
  for (; s.done <= layer; ++s.done) s.run_layer(s.weights.layers[static_cast<std::size_t>(s.done)]);
}

void EncoderSession::keep(std::span<const std::size_t> rows) {
  State& s = *state_;
  const std::int64_t width = s.config.hidden;
  std::int64_t end = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = rows[i];
    if (row >= s.rows || (i > 0 && row <= rows[i - 1]))
      throw Error(ErrorKind::internal, "the texts to keep are not in ascending order", "", "");
    const std::int64_t begin = s.begins[row], count = s.tokens_of(row);
    // Earlier entries of begins have been read already: rows ascend.
    if (begin != end) std::copy_n(s.hidden.data() + begin * width, count * width, s.hidden.data() + end * width);
    s.begins[i] = end;
    end += count;
  }
  s.rows = rows.size();
  s.begins[s.rows] = end;
}

std::span<const float> EncoderSession::states(std::size_t row) const {
  const State& s = *state_;
  const std::int64_t width = s.config.hidden;
  return {s.hidden.data() + s.begins[row] * width, static_cast<std::size_t>(s.tokens_of(row) * width)};
}

std::span<const float> EncoderSession::pooled(bool mean) {
  State& s = *state_;
  s.pool(mean);
  return {s.pooled.data(), s.rows * static_cast<std::size_t>(s.config.hidden)};
}

std::span<const float> EncoderSession::classify(const EncoderHead& head, bool mean) {
  return state_->run_head(head, mean);
}

std::span<const float> EncoderSession::logits() {
  State& s = *state_;
  if (s.done != s.config.layers) throw Error(ErrorKind::internal, "layers are left to run", "", "");
  if (!s.weights.classifier)
    throw Error(ErrorKind::model, "the checkpoint has no sequence classifier", "classifier.weight",
                "use a checkpoint that was fine-tuned to classify");
  return s.run_head(*s.weights.classifier, false);
}

double EncoderSession::memory_bytes() const {
  const State& s = *state_;
  std::int64_t floats = 0;
  for (const AlignedFloats* buffer : {&s.hidden, &s.qkv, &s.attended, &s.inner, &s.pooled, &s.scratch_dense, &s.logits})
    floats += buffer->size();
  for (const AlignedFloats& buffer : s.scratch) floats += buffer.size();
  return static_cast<double>(floats) * sizeof(float) + static_cast<double>(s.cache.bytes());
}

}  // namespace dynexec
