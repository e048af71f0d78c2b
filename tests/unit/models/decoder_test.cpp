#include "decoder_fixture.hpp"

using namespace dynexec;

namespace {

template <class Check>
void for_each_setting(Check check) {
  for (const std::string& branch : kernel_branches()) {
    select_kernel_branch(branch);
    for (const auto& entry : varied_configs()) {
      const auto& name = entry.first;
      const auto& config = entry.second;
      INFO("branch ", branch, ", ", name);
      check(config);
    }
  }
  select_kernel_branch(kernel_branches().front());
}

std::span<const std::int32_t> part(const std::vector<std::int32_t>& tokens, std::size_t begin, std::size_t end) {
  return std::span(tokens).subspan(begin, end - begin);
}

}  // namespace

TEST_CASE("verifying several tokens equals decoding them one by one, bit for bit") {
  for_each_setting([](const DecoderConfig& config) {
    const auto decoder = random_decoder(config);
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 100);
    DecoderSession steps(decoder, 300), chunks(decoder, 300);
    const std::vector<float> wanted = step_by_step(steps, tokens);
    std::vector<float> found;
    std::size_t begin = 0;
    for (const std::size_t size : std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 22}) {
      const std::span<const float> logits =
          chunks.forward(part(tokens, begin, begin + size), static_cast<std::int64_t>(size));
      found.insert(found.end(), logits.begin(), logits.end());
      begin += size;
    }
    REQUIRE(begin == tokens.size());
    CHECK(std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(float)) == 0);
  });
}

TEST_CASE("inputs longer than one pass are the same as their parts") {
  const DecoderConfig config = small_config();
  const auto decoder = random_decoder(config);
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 390);
  DecoderSession whole(decoder, 400), parts(decoder, 400);
  const std::vector<float> wanted = copy(whole.forward(tokens, 250));
  CHECK(whole.length() == 390);
  std::vector<float> found;
  parts.forward(part(tokens, 0, 140), 0);
  for (std::size_t begin = 140; begin < 390; begin += 50) {
    const std::span<const float> logits = parts.forward(part(tokens, begin, begin + 50), 50);
    found.insert(found.end(), logits.begin(), logits.end());
  }
  CHECK(found == wanted);
}

TEST_CASE("rolling back leaves no trace") {
  for_each_setting([](const DecoderConfig& config) {
    const auto decoder = random_decoder(config);
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 90), junk = random_tokens(config.vocab, 60, 9);
    DecoderSession plain(decoder, 200), rolled(decoder, 200);
    const std::vector<float> wanted = step_by_step(plain, tokens);
    rolled.forward(part(tokens, 0, 50), 1);
    rolled.forward(junk, 3);
    rolled.truncate(50);
    rolled.forward(part(junk, 3, 7), 1);
    rolled.truncate(50);
    CHECK(rolled.length() == 50);
    const std::vector<float> found = copy(rolled.forward(part(tokens, 50, 90), 40));
    CHECK(std::memcmp(found.data(), wanted.data() + 50 * config.vocab, found.size() * sizeof(float)) == 0);
    rolled.truncate(0);
    CHECK(step_by_step(rolled, tokens) == wanted);
  });
}

TEST_CASE("the first layers and the rest together equal the whole model") {
  for_each_setting([](const DecoderConfig& config) {
    const auto decoder = random_decoder(config);
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 40);
    DecoderSession plain(decoder, 200), early(decoder, 200);
    const std::vector<float> wanted = step_by_step(plain, tokens);
    for (const std::int64_t exit_layer : {1, 2, 3}) {
      early.truncate(0);
      early.forward(part(tokens, 0, 20), 0);
      for (std::size_t i = 20; i < 26; ++i) {
        CHECK(early.forward_early(part(tokens, i, i + 1), exit_layer, 1).size() ==
              static_cast<std::size_t>(config.vocab));
      }
      CHECK(early.length() == 20);
      CHECK(early.early_length() == 26);
      early.truncate(24);
      CHECK(early.length() == 20);
      CHECK(early.early_length() == 24);
      early.forward_early(part(tokens, 24, 30), exit_layer, 0);
      const std::vector<float> found = copy(early.forward_rest(exit_layer, 10));
      CHECK(early.length() == 30);
      CHECK(std::memcmp(found.data(), wanted.data() + 20 * config.vocab, found.size() * sizeof(float)) == 0);
      early.truncate(27);
      const std::vector<float> last = copy(early.forward(part(tokens, 27, 40), 1));
      CHECK(std::memcmp(last.data(), wanted.data() + 39 * config.vocab, last.size() * sizeof(float)) == 0);
    }
  });
}

TEST_CASE("early logits come from the shared norm and head of a shorter model") {
  DecoderConfig config = small_config();
  config.tied_head = true;
  const WeightSource random = random_weights(5);
  std::vector<std::pair<std::string, std::vector<float>>> kept;
  const WeightSource remember = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    for (const auto& [known, values] : kept) {
      if (known == name) return values;
    }
    return kept.emplace_back(name, random(name, shape)).second;
  };
  const auto whole = Decoder::build(config, remember);
  config.layers = 2;
  use_full_attention(config);
  const auto half = Decoder::build(config, remember);
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 30);
  DecoderSession early(whole, 50), shorter(half, 50);
  CHECK(copy(early.forward_early(tokens, 2, 30)) == copy(shorter.forward(tokens, 30)));
}

TEST_CASE("the number of threads changes nothing") {
  for (const auto& entry : varied_configs()) {
    const auto& name = entry.first;
    const auto& config = entry.second;
    INFO(name);
    const auto decoder = random_decoder(config);
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 330);
    DecoderSession session(decoder, 400);
    const std::vector<float> wanted = copy(session.forward(tokens, 9));
    for (const int threads : {2, 3, 4}) {
      set_compute_threads(threads);
      session.truncate(0);
      session.forward(part(tokens, 0, 321), 0);
      CHECK(copy(session.forward(part(tokens, 321, 330), 9)) == wanted);
    }
    set_compute_threads(1);
  }
}

TEST_CASE("sessions can be moved and outlive the caller's decoder") {
  auto decoder = random_decoder(small_config());
  DecoderSession first(decoder, 20);
  decoder.reset();
  DecoderSession second(std::move(first));
  const std::vector<std::int32_t> tokens = {1, 2, 3};
  CHECK(second.forward(tokens, 1).size() == 131);
  CHECK(second.capacity() == 20);
  CHECK(second.decoder().config().hidden == 48);
  CHECK(second.cache_bytes() >= 2 * 4 * 2 * 16 * 20 * sizeof(float));
  const double before = second.memory_bytes();
  CHECK(before > static_cast<double>(second.cache_bytes()));
  // Two more rows of logits need a larger buffer.
  second.forward(tokens, 3);
  CHECK(second.memory_bytes() >= before + 2 * 131 * 4);
}

TEST_CASE("parameters and bytes are counted") {
  DecoderConfig config = small_config();
  const double layer = 48 * (96 + 2 * 32) + 96 * 48 + 3 * 48 * 90 + 2 * 48;
  const double tables = 2 * 131 * 48 + 48;
  CHECK(random_decoder(config)->parameters() == 4 * layer + tables);
  config.tied_head = true;
  const auto tied = random_decoder(config);
  CHECK(tied->parameters() == 4 * layer + 131 * 48 + 48);
  // Columns are padded to 16: 90 to 96, 131 to 144.
  CHECK(tied->weight_bytes() == 4 * (4 * (layer + 2 * 48 * 6) + 48 * (144 + 1)));
  CHECK(tied->memory_bytes() == tied->weight_bytes());
  config.tied_head = false;
  CHECK(random_decoder(config)->memory_bytes() == tied->weight_bytes() + 4 * 131 * 48);
}

TEST_CASE("costs are those of the call") {
  const DecoderConfig config = small_config();
  const auto decoder = random_decoder(config);
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 12);
  DecoderSession session(decoder, 60);
  const double qkv_macs = 48 * (96 + 2 * 32), layer_macs = qkv_macs + 96 * 48 + 3 * 48 * 90;
  // Of the last layer, tokens without logits need their keys and values alone.
  session.forward(part(tokens, 0, 10), 0);
  CHECK(session.last_cost().macs == 3 * (10 * layer_macs + 2 * 96 * 55) + 10 * qkv_macs);
  CHECK(session.last_cost().kv_bytes == 2 * 32 * 4 * (3 * (10 + 10) + 10));
  CHECK(session.last_cost().weight_bytes < decoder->weight_bytes());
  session.forward(part(tokens, 10, 12), 1);
  CHECK(session.last_cost().macs ==
        3 * (2 * layer_macs + 2 * 96 * (11 + 12)) + (qkv_macs + layer_macs + 2 * 96 * 12) + 131 * 48);
  CHECK(session.last_cost().weight_bytes == decoder->weight_bytes());
  CHECK(session.last_cost().kv_bytes == 4 * 2 * 32 * 4 * (2 + 12));
  session.truncate(10);
  session.forward_early(part(tokens, 10, 12), 1, 2);
  const double early = session.last_cost().macs;
  CHECK(early == 2 * layer_macs + 2 * 96 * (11 + 12) + 2 * 131 * 48);
  session.forward_rest(1, 2);
  CHECK(session.last_cost().macs == 3 * (2 * layer_macs + 2 * 96 * (11 + 12)) + 2 * 131 * 48);
}
