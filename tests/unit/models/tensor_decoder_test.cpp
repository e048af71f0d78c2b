// Decoding with LibTorch's operators, held against the own kernels.
#include <algorithm>
#include <limits>

#include "decoder_fixture.hpp"
#include "models/sampling.hpp"

using namespace dynexec;

namespace {

// The code of the device path on the processor and, where there is one, on a GPU.
std::vector<ComputeDevice> devices() {
  std::vector<ComputeDevice> devices{ComputeDevice::libtorch};
  if (!device_problem(ComputeDevice::cuda)) devices.push_back(ComputeDevice::cuda);
  return devices;
}

std::shared_ptr<const Decoder> decoder_on(ComputeDevice device, const DecoderConfig& config,
                                          const char* type = "fp32") {
  const WeightFormat format = weight_format(type);
  return Decoder::build(config, random_weights(5),
                        {.formats = {.layers = format, .head = format, .cache = {}, .device = device}});
}

// Calls check(device, config) for every device and kind of layer.
template <class Check>
void for_each_setting(Check check) {
  std::vector<std::pair<std::string, DecoderConfig>> configs = varied_configs();
  DecoderConfig scaled = small_config();
  scaled.rope_scaling = {.kind = RopeScaling::Kind::yarn, .factor = 4, .original_positions = 100};
  scaled.rope_scaling.attention_factor = 1.1;
  configs.emplace_back("scaled rotation", scaled);
  for (const ComputeDevice device : devices())
    for (const auto& entry : configs) {
      INFO("device ", compute_device_name(device), ", ", entry.first);
      check(device, entry.second);
    }
}

double worst_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto wanted = static_cast<double>(b[i]);
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - wanted) / (1 + std::abs(wanted)));
  }
  return worst;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += std::pow(static_cast<double>(a[i] - b[i]), 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(sum / norm);
}

std::span<const std::int32_t> part(const std::vector<std::int32_t>& tokens, std::size_t begin, std::size_t end) {
  return std::span(tokens).subspan(begin, end - begin);
}

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return format_error(error);
  }
  return "";
}

constexpr double kClose = 1e-4;

}  // namespace

TEST_CASE("a GPU is tested where there is one") {
  if (device_problem(ComputeDevice::cuda)) {
    MESSAGE("no CUDA device: skipped");
    return;
  }
  // Called several times with the same shape, a pass runs operator by operator, is captured, and is replayed.
  const DecoderConfig config = small_config();
  DecoderSession session(decoder_on(ComputeDevice::cuda, config), 200);
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 60);
  for (const std::size_t rows : std::initializer_list<std::size_t>{1, 5, 16}) {
    session.truncate(0);
    session.forward(part(tokens, 0, 20), 0);
    std::vector<float> first;
    for (int i = 0; i < 5; ++i) {
      const std::span<const float> logits =
          session.forward(part(tokens, 20, 20 + rows), static_cast<std::int64_t>(rows));
      CHECK(session.last_cost().device_ms > 0);
      if (i == 0) first = copy(logits);
      CHECK(worst_difference(logits, first) < kClose);
      session.truncate(20);
    }
  }
}

TEST_CASE("on a device logits are those of the own kernels, however the tokens are cut into calls") {
  for_each_setting([](ComputeDevice device, const DecoderConfig& config) {
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 330);
    DecoderSession kernels(random_decoder(config), 350), found(decoder_on(device, config), 350);
    const std::vector<float> wanted = copy(kernels.forward(tokens, 330));
    CHECK(found.decoder().parameters() == kernels.decoder().parameters());
    CHECK(worst_difference(found.forward(tokens, 330), wanted) < kClose);
    found.truncate(0);
    // Across 128 and 256 positions, where attention starts to look at more of them.
    std::size_t begin = 0;
    for (const std::size_t size :
         std::initializer_list<std::size_t>{1, 1, 1, 16, 7, 90, 5, 5, 5, 32, 33, 57, 16, 1, 60}) {
      const std::span<const float> logits =
          found.forward(part(tokens, begin, begin + size), static_cast<std::int64_t>(size));
      const auto vocab = static_cast<std::size_t>(config.vocab);
      CHECK(worst_difference(logits, std::span(wanted).subspan(begin * vocab, size * vocab)) < kClose);
      begin += size;
    }
    CHECK(begin == 330);
    CHECK(found.length() == 330);
  });
}

TEST_CASE("on a device rolling back leaves no trace") {
  for_each_setting([](ComputeDevice device, const DecoderConfig& config) {
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 90), junk = random_tokens(config.vocab, 60, 9);
    const auto decoder = decoder_on(device, config);
    DecoderSession plain(decoder, 200), rolled(decoder, 200);
    plain.forward(part(tokens, 0, 50), 1);
    const std::vector<float> wanted = copy(plain.forward(part(tokens, 50, 60), 10));
    rolled.forward(part(tokens, 0, 50), 1);
    rolled.forward(junk, 3);
    rolled.truncate(50);
    rolled.forward(part(junk, 3, 7), 1);
    rolled.truncate(50);
    CHECK(rolled.length() == 50);
    CHECK(worst_difference(rolled.forward(part(tokens, 50, 60), 10), wanted) < kClose);
  });
}

TEST_CASE("on a device the first layers and the rest together equal the whole model") {
  for_each_setting([](ComputeDevice device, const DecoderConfig& config) {
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 40);
    DecoderSession kernels(random_decoder(config), 200), early(decoder_on(device, config), 200);
    const std::vector<float> all = step_by_step(kernels, tokens);
    const auto vocab = static_cast<std::size_t>(config.vocab);
    for (const std::int64_t exit_layer : {1, 3}) {
      early.truncate(0);
      kernels.truncate(20);
      early.forward(part(tokens, 0, 20), 0);
      for (std::size_t i = 20; i < 26; ++i) {
        const std::span<const float> wanted = kernels.forward_early(part(tokens, i, i + 1), exit_layer, 1);
        CHECK(worst_difference(early.forward_early(part(tokens, i, i + 1), exit_layer, 1), wanted) < kClose);
      }
      early.truncate(24);
      CHECK(early.length() == 20);
      CHECK(early.early_length() == 24);
      early.forward_early(part(tokens, 24, 30), exit_layer, 0);
      const std::span<const float> rest = early.forward_rest(exit_layer, 10);
      CHECK(early.length() == 30);
      CHECK(worst_difference(rest, std::span(all).subspan(20 * vocab, 10 * vocab)) < kClose);
      early.truncate(27);
      const std::span<const float> last = early.forward(part(tokens, 27, 40), 1);
      CHECK(worst_difference(last, std::span(all).subspan(39 * vocab, vocab)) < kClose);
    }
  });
}

TEST_CASE("on a device every activation is the own kernels'") {
  for (const Activation activation :
       {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::relu, Activation::tanh}) {
    DecoderConfig config = small_config();
    config.activation = activation;
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 12);
    DecoderSession kernels(random_decoder(config), 20);
    const std::vector<float> wanted = copy(kernels.forward(tokens, 12));
    for (const ComputeDevice device : devices()) {
      DecoderSession found(decoder_on(device, config), 20);
      CHECK(worst_difference(found.forward(tokens, 12), wanted) < kClose);
    }
  }
}

TEST_CASE("on a device half formats are near the own kernels'") {
  const DecoderConfig config = small_config();
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 50);
  for (const ComputeDevice device : devices())
    for (const char* type : {"bf16", "fp16"}) {
      INFO(type);
      DecoderSession kernels(decoder_on(ComputeDevice::cpu, config, type), 60);
      DecoderSession found(decoder_on(device, config, type), 60);
      const std::vector<float> wanted = copy(kernels.forward(tokens, 50));
      CHECK(distance(found.forward(tokens, 50), wanted) < 0.05);
      CHECK(found.cache_value_bytes() == 2);
      CHECK(found.decoder().weight_bytes() < 0.6 * random_decoder(config)->weight_bytes());
    }
}

TEST_CASE("on a device the shipped draft model chooses the same tokens") {
  const std::filesystem::path folder = std::filesystem::path(DYNEXEC_SOURCE_DIR) / "models/reasoner-draft";
  for (const ComputeDevice device : devices()) {
    DecoderSession kernels(Decoder::load(folder), 200);
    DecoderSession found(Decoder::load(folder, {.layers = {}, .head = {}, .cache = {}, .device = device}), 200);
    std::vector<std::int32_t> input = random_tokens(kernels.decoder().config().vocab, 20);
    for (int i = 0; i < 150; ++i) {
      const std::span<const float> wanted = kernels.forward(input, 1), logits = found.forward(input, 1);
      CHECK(worst_difference(logits, wanted) < kClose);
      // Two that are equal but for rounding may change places.
      CHECK((argmax(logits) == argmax(wanted) || top_gap(wanted) < 1e-3f));
      input.assign(1, argmax(wanted));
    }
  }
}

TEST_CASE("on a device wrong tokens and full caches are refused, and damaged weights leave the session as it was") {
  for (const ComputeDevice device : devices())
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      const WeightSource random = random_weights(5);
      // The embedding of token 77 is damaged.
      const WeightSource source = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
        std::vector<float> values = random(name, shape);
        if (name == "model.embed_tokens.weight") values[77 * 48 + 5] = bad;
        return values;
      };
      const auto decoder = Decoder::build(small_config(), source,
                                          {.formats = {.layers = {}, .head = {}, .cache = {}, .device = device}});
      DecoderSession session(decoder, 30), clean(decoder, 30);
      const std::vector<std::int32_t> good = {1, 2, 3, 4}, high = {1, 131}, damaged = {5, 77, 6}, more = {7, 8};
      const std::vector<std::int32_t> many(27, 1);
      session.forward(good, 1);
      clean.forward(good, 1);
      CHECK(error_of([&] { session.forward(high, 1); }).find("position 5") != std::string::npos);
      CHECK(error_of([&] { session.forward(many, 1); }).find("31") != std::string::npos);
      // A product of the rows with all values lets the damage spread to all of them.
      CHECK(error_of([&] { session.forward(damaged, 3); }).find("positions 4 to 6") != std::string::npos);
      CHECK(session.length() == 4);
      // Nobody looks at these logits, so that the damage stays unseen until it is rolled back.
      session.forward(damaged, 0);
      session.truncate(4);
      session.forward_early(good, 2, 1);
      CHECK(error_of([&] { session.forward_early(damaged, 2, 3); }).find("positions 8 to 10") != std::string::npos);
      CHECK(session.early_length() == 8);
      session.truncate(4);
      const std::vector<float> wanted = copy(clean.forward(more, 2));
      CHECK(worst_difference(session.forward(more, 2), wanted) < kClose);
    }
}

TEST_CASE("on a device costs count the positions that attention looks at") {
  const DecoderConfig config = small_config();
  const double qkv_macs = 48 * (96 + 2 * 32), layer_macs = qkv_macs + 96 * 48 + 3 * 48 * 90;
  for (const ComputeDevice device : devices()) {
    DecoderSession session(decoder_on(device, config), 300);
    const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 150);
    session.forward(part(tokens, 0, 10), 0);
    CHECK(session.last_cost().macs == 3 * 10 * (layer_macs + 2 * 96 * 128) + 10 * qkv_macs);
    session.forward(part(tokens, 10, 12), 1);
    CHECK(session.last_cost().macs ==
          3 * 2 * (layer_macs + 2 * 96 * 128) + qkv_macs + layer_macs + 2 * 96 * 128 + 131 * 48);
    CHECK(session.last_cost().weight_bytes == session.decoder().weight_bytes());
    CHECK(session.last_cost().kv_bytes == 4 * 2 * 32 * 4 * (2 + 128));
    session.forward(part(tokens, 12, 150), 1);
    CHECK(session.last_cost().kv_bytes == 4 * 2 * 32 * 4 * (138 + 256));
    CHECK(std::isnan(session.last_cost().device_ms) == (device == ComputeDevice::libtorch));
    CHECK(session.cache_bytes() == 4 * 2 * 2 * 16 * 300 * sizeof(float));
    CHECK(session.memory_bytes() > static_cast<double>(session.cache_bytes()));
  }
}

TEST_CASE("devices are known by name, and refuse what they cannot do") {
  CHECK(compute_device("libtorch") == ComputeDevice::libtorch);
  CHECK(compute_device_name(ComputeDevice::cuda) == "cuda");
  CHECK(error_of([] { compute_device("cudo"); }).find("cuda") != std::string::npos);
  DecoderFormats formats{.layers = weight_format("bf16"), .head = {}, .cache = {}, .device = ComputeDevice::libtorch};
  CHECK(formats.name() == "bf16, head fp32, device libtorch");
  CHECK(!format_problem(formats));
  formats.cache = CacheFormat::int8;
  CHECK(format_problem(formats)->what.find("keys and values") != std::string::npos);
  formats.cache = {};
  formats.head = weight_format("int8");
  CHECK(format_problem(formats)->what.find("not int8") != std::string::npos);
  const std::string refused =
      error_of([&] { Decoder::build(small_config(), random_weights(5), {.formats = formats}); });
  CHECK(refused.find("fp32, bf16 or fp16") != std::string::npos);
  CHECK(refused.find("device: cpu") != std::string::npos);
  formats.head = {};
  formats.layers = weight_format("bf16-a16");
  CHECK(format_problem(formats)->what.find("fp32, bf16 or fp16, not bf16-a16") != std::string::npos);
  formats.layers = LayerFormats::parse("bf16+v_proj=int8");
  CHECK(format_problem(formats)->what.find("not int8") != std::string::npos);
  formats.layers = LayerFormats::parse("bf16+v_proj=fp16");
  CHECK(format_problem(formats)->what.find("in one format, not bf16+v_proj=fp16") != std::string::npos);
  if (device_problem(ComputeDevice::cuda))
    CHECK(error_of([] { decoder_on(ComputeDevice::cuda, small_config()); }).find("device cuda cannot be used") !=
          std::string::npos);
}
