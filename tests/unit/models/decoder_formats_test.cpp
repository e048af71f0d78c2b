#include <algorithm>

#include "decoder_fixture.hpp"
#include "kernels/stored_matrix.hpp"

using namespace dynexec;

namespace {

// The same weights as random_weights(5), those of the layers' matrices as the format holds them.
WeightSource rounded_weights(const DecoderFormats& formats) {
  return [source = random_weights(5), formats](const std::string& name,
                                               const std::vector<std::int64_t>& shape) mutable {
    std::vector<float> values = source(name, shape);
    const bool head = name == "lm_head.weight";
    if (!head && name.find("_proj.weight") == std::string::npos) return values;
    const WeightFormat& format = head ? formats.head : formats.layers.of(name);
    const StoredMatrix stored = round_to_nearest(std::span<const float>(values), shape[0], shape[1], format);
    for (std::int64_t n = 0; n < stored.out; ++n)
      stored.row(
          n, std::span(values).subspan(static_cast<std::size_t>(n * stored.in), static_cast<std::size_t>(stored.in)));
    return values;
  };
}

// Every format, and mixes for the matrices of a family.
std::vector<LayerFormats> formats_of(const std::string& family) {
  std::vector<LayerFormats> all;
  for (const std::string& name : weight_format_names()) all.emplace_back(weight_format(name));
  if (family == "gpt2") {
    all.push_back(LayerFormats::parse("int4-g32+mlp.c_proj=int8+h.0=bf16"));
    return all;
  }
  for (const char* mix : {"int4-g32+v_proj=int8+down_proj=int8", "int8-a8+k_proj=bf16+layers.0=int4-g32-a8",
                          "fp32+q_proj=int8-g32+gate_proj=bf16+up_proj=bf16"})
    all.push_back(LayerFormats::parse(mix));
  return all;
}

double worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, static_cast<double>(std::abs(a[i] - b[i])) / (1 + static_cast<double>(std::abs(b[i]))));
  return worst;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i] - b[i]), 2);
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("a decoder in another weight format computes with its rounded weights") {
  const DecoderConfig config = small_config();
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 30);
  DecoderSession exact(random_decoder(config), 40);
  const std::vector<float> unrounded = step_by_step(exact, tokens);
  for (const LayerFormats& layers : formats_of(config.family)) {
    const std::string name = layers.name();
    const DecoderFormats formats{.layers = layers, .head = weight_format(name == "bf16" ? "int8" : "fp32")};
    const auto decoder = Decoder::build(config, random_weights(5), {.formats = formats});
    CHECK(decoder->formats() == formats);
    DecoderSession found(decoder, 40), wanted(Decoder::build(config, rounded_weights(formats)), 40);
    const std::vector<float> logits = step_by_step(found, tokens);
    INFO(formats.name());
    // Inputs may be rounded, too; tests of the kernels say how.
    const std::vector<float> rounded = step_by_step(wanted, tokens);
    if (formats.layers.rounded_inputs())
      CHECK(distance(logits, rounded) < 0.1 * distance(rounded, std::vector<float>(rounded.size())));
    else
      CHECK(worst_difference(logits, rounded) < 1e-4);
    if (name == "fp32")
      CHECK(logits == unrounded);
    else
      CHECK(worst_difference(logits, unrounded) > 1e-4);
    CHECK((name == "fp32") == (decoder->weight_bytes() == exact.decoder().weight_bytes()));
    CHECK(decoder->parameters() == exact.decoder().parameters());
  }
  CHECK(DecoderFormats{}.name() == "fp32");
  CHECK(DecoderFormats{.layers = weight_format("int8"), .head = {}}.name() == "int8, head fp32");
}

TEST_CASE("formats of matrices that there are not, and of half a gate, are refused where they came from") {
  const DecoderConfig config = small_config();
  const auto refusal = [&](const char* text, const FormatsOrigin& origin) {
    const DecoderFormats formats{.layers = LayerFormats::parse(text), .head = {}};
    try {
      Decoder::build(config, random_weights(5), {.formats = formats, .origin = origin});
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::internal, "accepted", "", "");
  };
  const Error slip = refusal("int4-g32+v_prj=int8", {});
  CHECK(slip.kind() == ErrorKind::config);
  CHECK(slip.hint() == "did you mean v_proj?");
  const Error layer = refusal("int4-g32+layers.99=int8", {ErrorKind::model, "config.json"});
  CHECK(layer.kind() == ErrorKind::model);
  CHECK(layer.where() == "config.json");
  CHECK(refusal("int4-g32+up_proj=int8", {}).message().find("need one format") != std::string::npos);
  CHECK(refusal("int4-g32+model.layers.1.mlp.gate_proj=int8", {}).kind() == ErrorKind::config);
  CHECK(refusal("int4-g32+up_proj=int8+gate_proj=int8", {}).message() == "accepted");
}

TEST_CASE("an int8 cache is near the exact one, counts its bytes, and is rolled back like it") {
  const DecoderConfig config = small_config();
  const std::vector<std::int32_t> tokens = random_tokens(config.vocab, 150);
  const DecoderFormats formats{.layers = {}, .head = {}, .cache = CacheFormat::int8};
  const auto decoder = Decoder::build(config, random_weights(5), {.formats = formats});
  CHECK(formats.name() == "fp32, kv_cache int8");
  DecoderSession narrow(decoder, 200), wide(random_decoder(config), 200);
  const std::vector<float> exact = step_by_step(wide, tokens), found = step_by_step(narrow, tokens);
  CHECK(distance(found, exact) > 1e-6 * distance(exact, std::vector<float>(exact.size())));
  CHECK(distance(found, exact) < 0.05 * distance(exact, std::vector<float>(exact.size())));
  CHECK(wide.cache_value_bytes() == 4);
  CHECK(narrow.cache_value_bytes() == 1 + 4.0 / 16);
  CHECK(narrow.last_cost().kv_bytes * 4 == wide.last_cost().kv_bytes * narrow.cache_value_bytes());
  CHECK(narrow.last_cost().macs == wide.last_cost().macs);
  CHECK(narrow.cache_bytes() * 4 == static_cast<std::size_t>(1.25 * static_cast<double>(wide.cache_bytes())));
  const std::vector<float> last(found.end() - config.vocab, found.end());
  narrow.truncate(100);
  CHECK(copy(narrow.forward(std::span(tokens).subspan(100), 1)) == last);
}

TEST_CASE("in every weight format verifying several tokens equals decoding them one by one, bit for bit") {
  for (const std::string& branch : kernel_branches()) {
    select_kernel_branch(branch);
    for (const auto& entry : varied_configs())
      for (const LayerFormats& layers : formats_of(entry.second.family)) {
        const DecoderFormats formats{.layers = layers,
                                     .head = layers.base(),
                                     .cache = layers.rounded_inputs() ? CacheFormat::int8 : CacheFormat::fp32};
        const auto decoder = Decoder::build(entry.second, random_weights(5), {.formats = formats});
        const std::vector<std::int32_t> tokens = random_tokens(entry.second.vocab, 37);
        DecoderSession steps(decoder, 60), chunks(decoder, 60);
        const std::vector<float> wanted = step_by_step(steps, tokens);
        std::vector<float> found;
        std::size_t begin = 0;
        for (const std::size_t size : std::initializer_list<std::size_t>{1, 2, 5, 6, 7, 16}) {
          const std::span<const float> logits =
              chunks.forward(std::span(tokens).subspan(begin, size), static_cast<std::int64_t>(size));
          found.insert(found.end(), logits.begin(), logits.end());
          begin += size;
        }
        REQUIRE(begin == tokens.size());
        INFO(branch, ", ", entry.first, ", ", layers.name());
        CHECK(std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(float)) == 0);
      }
  }
  select_kernel_branch(kernel_branches().front());
}
