#include "experiments/perplexity/path.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "tests/support/tiny_model.hpp"

using namespace dynexec;
using namespace dynexec::perplexity;
using dynexec::testing::TinyModel;
using dynexec::testing::TinyModelFolder;

namespace {

constexpr std::int32_t kVocab = 40;

// A letter is a token; special tokens put token 0 first.
class Letters : public Tokenizer {
 public:
  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const override {
    std::vector<std::int32_t> ids;
    if (add_special) ids.push_back(0);
    for (const char c : text) ids.push_back(1 + (c - 'a'));
    return ids;
  }
  std::string decode(std::span<const std::int32_t>, bool) const override { return ""; }
  std::int32_t vocab_size() const override { return kVocab; }
  std::int32_t token_id(std::string_view) const override { return -1; }
};

Sample sample_of(std::string prompt, std::string solution) {
  return {.index = 0, .id = "s", .group = "", .input = TextInput{std::move(prompt), "", std::move(solution)}};
}

std::string letters(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('a' + i * i % 23);
  return text;
}

std::shared_ptr<DecoderSession> session_of(std::int64_t positions, const DecoderFormats& formats = {}) {
  const TinyModelFolder folder({.vocab = kVocab, .positions = positions, .seed = 3});
  return std::make_shared<DecoderSession>(Decoder::load(folder.path(), formats), positions);
}

Surprise read(Path& path, const Sample& sample) {
  const Streams streams{};
  std::vector<Outcome> outcomes = path.run(std::span(&sample, 1), std::span(&streams, 1), {});
  return std::any_cast<Surprise>(outcomes.front().output);
}

// The textbook sum, a token at a time.
double wanted_nats(DecoderSession& session, const ScoredIds& text) {
  double nats = 0;
  session.truncate(0);
  for (std::size_t i = 0; i + 1 < text.ids.size(); ++i) {
    const std::span<const float> logits = session.forward(std::span(text.ids).subspan(i, 1), 1);
    if (i + 1 < text.first) continue;
    double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit));
    nats -= static_cast<double>(logits[static_cast<std::size_t>(text.ids[i + 1])]) - std::log(total);
  }
  return nats;
}

}  // namespace

TEST_CASE("solutions count from their first token, other texts from their second") {
  const Letters tokenizer;
  CHECK(scored_ids(tokenizer, sample_of("abc", ""), 100).first == 1);
  const ScoredIds text = scored_ids(tokenizer, sample_of("abc", "de"), 100);
  CHECK(text.ids == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
  CHECK(text.first == 4);
  CHECK(scored_ids(tokenizer, sample_of("abc", "de"), 5).ids.size() == 5);
  CHECK_THROWS_AS(scored_ids(tokenizer, sample_of("abc", "de"), 4), Error);
  CHECK_THROWS_AS(scored_ids(tokenizer, sample_of("", ""), 100), Error);
}

TEST_CASE("a text's surprise is the sum over its tokens, however long it is") {
  const auto tokenizer = std::make_shared<Letters>();
  const auto session = session_of(300);
  const auto path = make_path({.name = "p", .tokenizer = tokenizer, .session = session});
  struct Lengths {
    std::size_t prompt, solution;
  };
  constexpr Lengths kLengths[] = {{3, 0}, {1, 1}, {64, 0}, {63, 1}, {64, 64}, {70, 5}, {128, 100}, {200, 0}, {2, 250}};
  for (const Lengths& lengths : kLengths) {
    const std::size_t prompt = lengths.prompt, solution = lengths.solution;
    const Sample sample = sample_of(letters(prompt), letters(solution));
    const ScoredIds text = scored_ids(*tokenizer, sample, 300);
    const Surprise found = read(*path, sample);
    const double wanted = wanted_nats(*session, text);
    INFO(prompt, " and ", solution, " letters");
    CHECK(found.tokens == static_cast<std::int64_t>(solution > 0 ? solution : prompt));
    CHECK(found.nats == doctest::Approx(wanted).epsilon(1e-6));
  }
}

TEST_CASE("where another format would have gone on differently is told") {
  const auto tokenizer = std::make_shared<Letters>();
  const auto exact = make_path({.name = "fp32", .tokenizer = tokenizer, .session = session_of(200)});
  const WeightFormat coarse = weight_format("int4-g128");
  const auto rounded = make_path({.name = "int4",
                                  .tokenizer = tokenizer,
                                  .session = session_of(200, {.layers = coarse, .head = coarse, .cache = {}})});
  const Sample sample = sample_of(letters(180), "");
  const Surprise one = read(*exact, sample), other = read(*rounded, sample);
  Outcome a, b;
  a.output = one, b.output = other;
  CHECK(!exact->compare(a, a));
  const auto mismatch = rounded->compare(a, b);
  REQUIRE(mismatch);
  const auto at = static_cast<std::size_t>(mismatch->position);
  CHECK(one.best[at] != other.best[at]);
  CHECK(std::equal(one.best.begin(), one.best.begin() + mismatch->position, other.best.begin()));
  CHECK(rounded->tensor_bytes() < exact->tensor_bytes());
}
