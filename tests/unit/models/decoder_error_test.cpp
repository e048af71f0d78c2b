#include "decoder_fixture.hpp"

#include <limits>

using namespace dynexec;

namespace {

ErrorKind kind_of(const auto& action, const std::string& fragment) {
  try {
    action();
  } catch (const Error& error) {
    INFO(format_error(error));
    CHECK(format_error(error).find(fragment) != std::string::npos);
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("token ids outside the vocabulary and full caches are refused before anything runs") {
  DecoderSession session(random_decoder(small_config()), 10);
  const std::vector<std::int32_t> good = {1, 2, 3}, high = {1, 131}, negative = {-1}, many(8, 1);
  session.forward(good, 1);
  CHECK(kind_of([&] { session.forward(high, 1); }, "131") == ErrorKind::data);
  CHECK(kind_of([&] { session.forward(high, 1); }, "position 4") == ErrorKind::data);
  CHECK(kind_of([&] { session.forward(negative, 1); }, "-1") == ErrorKind::data);
  CHECK(kind_of([&] { session.forward(many, 1); }, "11") == ErrorKind::data);
  CHECK(kind_of([&] { session.forward_early(many, 2, 1); }, "11") == ErrorKind::data);
  CHECK(session.length() == 3);
  CHECK(session.forward({}, 0).empty());
  CHECK(session.length() == 3);
}

TEST_CASE("capacities beyond the model are refused") {
  const auto decoder = random_decoder(small_config());
  for (const std::int64_t capacity : {std::int64_t{0}, std::int64_t{-5}, std::int64_t{401}}) {
    CHECK(kind_of([&] { DecoderSession session(decoder, capacity); }, "400") == ErrorKind::model);
  }
}

TEST_CASE("wrong use is reported, not undefined") {
  DecoderSession session(random_decoder(small_config()), 30);
  const std::vector<std::int32_t> tokens = {1, 2, 3};
  CHECK(kind_of([&] { session.forward(tokens, 4); }, "rows") == ErrorKind::internal);
  CHECK(kind_of([&] { session.forward(tokens, -1); }, "rows") == ErrorKind::internal);
  CHECK(kind_of([&] { session.forward_early(tokens, 0, 1); }, "exit") == ErrorKind::model);
  CHECK(kind_of([&] { session.forward_early(tokens, 4, 1); }, "1 to 3") == ErrorKind::model);
  session.forward_early(tokens, 2, 1);
  CHECK(kind_of([&] { session.forward(tokens, 1); }, "pending") == ErrorKind::internal);
  CHECK(kind_of([&] { session.forward_early(tokens, 1, 1); }, "exit layer") == ErrorKind::internal);
  CHECK(kind_of([&] { session.forward_rest(1, 1); }, "exit layer") == ErrorKind::internal);
  CHECK(kind_of([&] { session.truncate(4); }, "roll back") == ErrorKind::internal);
  CHECK(kind_of([&] { session.truncate(-1); }, "roll back") == ErrorKind::internal);
}

TEST_CASE("logits that are not finite name the position and leave the session as it was") {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const WeightSource random = random_weights(5);
    // The embedding of token 77 is damaged.
    const auto decoder =
        Decoder::build(small_config(), [&](const std::string& name, const std::vector<std::int64_t>& shape) {
          std::vector<float> values = random(name, shape);
          if (name == "model.embed_tokens.weight") values[77 * 48 + 5] = bad;
          return values;
        });
    DecoderSession session(decoder, 30), clean(decoder, 30);
    const std::vector<std::int32_t> good = {1, 2, 3, 4}, damaged = {5, 77, 6}, more = {7, 8};
    session.forward(good, 1);
    clean.forward(good, 1);
    CHECK(kind_of([&] { session.forward(damaged, 3); }, "position 5") == ErrorKind::model);
    CHECK(session.length() == 4);
    CHECK(copy(session.forward(more, 2)) == copy(clean.forward(more, 2)));
  }
}
