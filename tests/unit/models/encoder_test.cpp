#include <cmath>

#include "base/error.hpp"
#include "encoder_fixture.hpp"
#include "kernels/thread_pool.hpp"

using namespace dynexec;

namespace {

using Values = std::vector<double>;

// The textbook form of a BERT layer, in double precision, on the fixture's weights.
class Textbook {
 public:
  explicit Textbook(const EncoderFolder& folder) : folder_(folder) {}

  Values embed(const std::vector<std::int32_t>& ids) const {
    Values x;
    for (std::size_t t = 0; t < ids.size(); ++t)
      for (std::size_t d = 0; d < 32; ++d)
        x.push_back(at("embeddings.word_embeddings.weight", static_cast<std::size_t>(ids[t]) * 32 + d) +
                    at("embeddings.position_embeddings.weight", t * 32 + d) +
                    at("embeddings.token_type_embeddings.weight", d));
    return norm("embeddings.LayerNorm", x);
  }

  Values layer(int index, const Values& x) const {
    const std::string name = "encoder.layer." + std::to_string(index) + ".";
    const Values q = dense(name + "attention.self.query", x, 32, 32), k = dense(name + "attention.self.key", x, 32, 32),
                 v = dense(name + "attention.self.value", x, 32, 32);
    const std::size_t tokens = x.size() / 32;
    Values mixed(x.size(), 0);
    for (std::size_t head = 0; head < 4; ++head)
      for (std::size_t t = 0; t < tokens; ++t) {
        Values scores(tokens);
        double total = 0;
        for (std::size_t s = 0; s < tokens; ++s) {
          for (std::size_t d = head * 8; d < head * 8 + 8; ++d) scores[s] += q[t * 32 + d] * k[s * 32 + d];
          total += scores[s] = std::exp(scores[s] / std::sqrt(8.0));
        }
        for (std::size_t s = 0; s < tokens; ++s)
          for (std::size_t d = head * 8; d < head * 8 + 8; ++d) mixed[t * 32 + d] += scores[s] / total * v[s * 32 + d];
      }
    Values middle = dense(name + "attention.output.dense", mixed, 32, 32);
    for (std::size_t i = 0; i < x.size(); ++i) middle[i] += x[i];
    middle = norm(name + "attention.output.LayerNorm", middle);
    Values inner = dense(name + "intermediate.dense", middle, 56, 32);
    for (double& value : inner) value = value / 2 * (1 + std::erf(value / std::sqrt(2.0)));
    Values out = dense(name + "output.dense", inner, 32, 56);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += middle[i];
    return norm(name + "output.LayerNorm", out);
  }

  Values head(const std::string& dense_name, const std::string& linear_name, const Values& x) const {
    Values hidden = dense(dense_name, Values(x.begin(), x.begin() + 32), 32, 32);
    for (double& value : hidden) value = std::tanh(value);
    return dense(linear_name, hidden, 3, 32);
  }

 private:
  double at(const std::string& name, std::size_t index) const {
    const auto found = folder_.tensors.find("bert." + name);
    return static_cast<double>(
        (found == folder_.tensors.end() ? folder_.tensors.at(name) : found->second).values[index]);
  }
  Values dense(const std::string& name, const Values& x, std::size_t out, std::size_t in) const {
    Values y;
    for (std::size_t row = 0; row < x.size() / in; ++row)
      for (std::size_t o = 0; o < out; ++o) {
        double sum = at(name + ".bias", o);
        for (std::size_t i = 0; i < in; ++i) sum += at(name + ".weight", o * in + i) * x[row * in + i];
        y.push_back(sum);
      }
    return y;
  }
  Values norm(const std::string& name, Values x) const {
    for (std::size_t row = 0; row < x.size(); row += 32) {
      double mean = 0, square = 0;
      for (std::size_t d = 0; d < 32; ++d) mean += x[row + d] / 32;
      for (std::size_t d = 0; d < 32; ++d) square += (x[row + d] - mean) * (x[row + d] - mean) / 32;
      for (std::size_t d = 0; d < 32; ++d)
        x[row + d] = (x[row + d] - mean) / std::sqrt(square + 1e-5) * at(name + ".weight", d) + at(name + ".bias", d);
    }
    return x;
  }
  const EncoderFolder& folder_;
};

double distance(std::span<const float> found, const Values& wanted) {
  REQUIRE(found.size() == wanted.size());
  double worst = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(found[i]) - wanted[i]));
  return worst;
}

std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("states, exits and classifier are those of the textbook form") {
  EncoderFolder folder;
  folder.bert();
  const ModelFolder written = ModelFolder::open(folder.write());
  const auto encoder = Encoder::load(written);
  const auto exits = load_encoder_exits(written, encoder->config());
  REQUIRE(exits.size() == 2);
  CHECK(encoder->config().class_names == std::vector<std::string>{"a", "b", "c"});
  EncoderSession session(encoder);
  const Textbook textbook(folder);
  for (const std::size_t tokens : std::initializer_list<std::size_t>{1, 2, 17, 40}) {
    CAPTURE(tokens);
    const auto ids = random_ids(tokens, tokens);
    session.start(ids);
    Values x = textbook.embed(ids);
    for (int layer = 0; layer < 3; ++layer) {
      x = textbook.layer(layer, x);
      session.run_to(layer);
      CHECK(distance(session.states(0), x) < 2e-5);
      CHECK(distance(session.pooled(false), Values(x.begin(), x.begin() + 32)) < 2e-5);
      if (layer == 2) break;
      const std::string name = "exits." + std::to_string(layer) + ".";
      const Values wanted = textbook.head(name + "pooler", name + "linear", x);
      CHECK(distance(session.classify(exits[static_cast<std::size_t>(layer)].head, false), wanted) < 2e-5);
    }
    CHECK(distance(session.logits(), textbook.head("pooler.dense", "classifier", x)) < 2e-5);
    Values mean(32, 0);
    for (std::size_t i = 0; i < x.size(); ++i) mean[i % 32] += x[i] / static_cast<double>(tokens);
    CHECK(distance(session.pooled(true), mean) < 2e-5);
  }
}

TEST_CASE("a text's states do not depend on the texts beside it, on threads, or on those that have left") {
  EncoderFolder folder;
  folder.bert();
  const auto encoder = Encoder::load(folder.write());
  const std::vector<std::vector<std::int32_t>> texts{random_ids(5, 1), random_ids(40, 2), random_ids(1, 3),
                                                     random_ids(23, 4)};
  std::vector<std::vector<float>> alone;
  EncoderSession one(encoder);
  for (const auto& text : texts) {
    one.start(text);
    one.run_to(2);
    alone.push_back(copy(one.logits()));
  }
  for (const int threads : {1, 3}) {
    set_compute_threads(threads);
    EncoderSession session(encoder, 4);
    const std::vector<std::span<const std::int32_t>> views(texts.begin(), texts.end());
    session.start(views);
    session.run_to(2);
    const std::vector<float> together = copy(session.logits());
    for (std::size_t row = 0; row < 4; ++row)
      CHECK(std::equal(alone[row].begin(), alone[row].end(), together.begin() + static_cast<std::ptrdiff_t>(3 * row)));
    // The first and third leave after a layer, the second after another.
    session.start(views);
    session.run_to(0);
    session.keep(std::vector<std::size_t>{1, 3});
    CHECK(session.rows() == 2);
    session.run_to(1);
    session.keep(std::vector<std::size_t>{1});
    session.run_to(2);
    CHECK(copy(session.logits()) == alone[3]);
  }
  set_compute_threads(1);
}

TEST_CASE("costs are those of what ran") {
  EncoderFolder folder;
  folder.bert();
  const ModelFolder written = ModelFolder::open(folder.write());
  const auto encoder = Encoder::load(written);
  EncoderSession session(encoder);
  session.start(random_ids(10, 1));
  session.run_to(0);
  const double layer = 10.0 * (4 * 32 * 32 + 2 * 32 * 56) + 2 * 10 * 10 * 32;
  CHECK(session.cost().macs == layer);
  session.run_to(0);
  CHECK(session.cost().macs == layer);
  CHECK(session.done() == 1);
  const auto exits = load_encoder_exits(written, encoder->config());
  session.classify(exits[0].head, false);
  CHECK(session.cost().macs == layer + 32 * 32 + 3 * 32);
  const double bytes = session.cost().weight_bytes;
  session.run_to(2);
  session.logits();
  CHECK(session.cost().macs == encoder->macs(10) + 32 * 32 + 3 * 32);
  CHECK(session.cost().weight_bytes > 2 * bytes);
  CHECK(encoder->memory_bytes() > encoder->weight_bytes());
  CHECK(session.memory_bytes() > 0);
}
