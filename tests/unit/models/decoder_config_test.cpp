#include "models/decoder_config.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "models/rope.hpp"

using namespace dynexec;
using nlohmann::json;

namespace {

json llama_json() {
  return json::parse(
      R"({"model_type": "llama", "vocab_size": 320, "hidden_size": 64, "intermediate_size": 172,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2})");
}

json gpt2_json() {
  return json::parse(R"({"model_type": "gpt2", "vocab_size": 257, "n_embd": 80, "n_layer": 3, "n_head": 5,
    "n_positions": 256})");
}

DecoderConfig parse(const json& config, const json& generation = json::object()) {
  return parse_decoder_config(config, generation, "config.json");
}

DecoderConfig parse_with(const json& changes, json base = llama_json()) {
  base.merge_patch(changes);
  return parse(base);
}

// The text of the error that these changes cause.
std::string refused(const json& changes, json base = llama_json()) {
  for (const auto& [key, value] : changes.items()) base[key] = value;
  try {
    parse(base);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    CHECK(!error.hint().empty());
    return format_error(error);
  }
  return "no error";
}

bool mentions(const std::string& text, const std::string& fragment) {
  INFO(text);
  const bool found = text.find(fragment) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("a plain llama") {
  const DecoderConfig c = parse(llama_json());
  CHECK(c.family == "llama");
  CHECK(c.vocab == 320);
  CHECK(c.head_dim == 8);
  CHECK(c.kv_heads == 4);
  CHECK(c.query_size() == 64);
  CHECK(c.kv_size() == 32);
  CHECK(c.norm_eps == 1e-5);
  CHECK(c.tied_head);
  CHECK(c.rope_theta == 10000);
  CHECK(c.window == std::vector<std::int64_t>(4, 0));
  CHECK(c.rope_layer == std::vector<bool>(4, true));
  CHECK(c.begin_token == 1);
  CHECK(c.end_tokens == std::vector<std::int32_t>{2});
  CHECK(!c.qkv_bias);
  CHECK(c.gated_mlp);
}

TEST_CASE("defaults of absent keys") {
  json plain = llama_json();
  plain.erase("num_key_value_heads");
  plain.erase("tie_word_embeddings");
  plain.erase("rms_norm_eps");
  plain["head_dim"] = nullptr;
  const DecoderConfig c = parse(plain);
  CHECK(c.kv_heads == 8);
  CHECK(!c.tied_head);
  CHECK(c.norm_eps == 1e-6);
  CHECK(c.head_dim == 8);
}

TEST_CASE("end tokens: generation_config first, one or several, only known ids") {
  const json generation = json::parse(R"({"eos_token_id": [5, 7, 5, 9999]})");
  CHECK(parse(llama_json(), generation).end_tokens == std::vector<std::int32_t>{5, 7});
  CHECK(parse(llama_json(), json::parse(R"({"eos_token_id": null})")).end_tokens == std::vector<std::int32_t>{2});
  CHECK(parse_with({{"eos_token_id", {3, 4}}}).end_tokens == std::vector<std::int32_t>{3, 4});
  CHECK(parse_with({{"eos_token_id", nullptr}}).end_tokens.empty());
}

TEST_CASE("families differ where they should") {
  const DecoderConfig qwen2 = parse_with({{"model_type", "qwen2"}});
  CHECK(qwen2.qkv_bias);
  CHECK(!qwen2.out_bias);
  const DecoderConfig qwen3 = parse_with({{"model_type", "qwen3"}, {"head_dim", 32}, {"attention_bias", true}});
  CHECK(qwen3.qk_norm);
  CHECK(qwen3.out_bias);
  CHECK(qwen3.query_size() == 256);
  CHECK(parse_with({{"model_type", "qwen3"}}).head_dim == 128);
  const DecoderConfig smollm = parse_with({{"model_type", "smollm3"}});
  CHECK(smollm.rope_layer == std::vector<bool>{true, true, true, false});
  CHECK(smollm.rope_theta == 2e6);
  const DecoderConfig gpt2 = parse(gpt2_json());
  CHECK(gpt2.layer_norm);
  CHECK(gpt2.learned_positions);
  CHECK(gpt2.tied_head);
  CHECK(gpt2.intermediate == 320);
  CHECK(gpt2.activation == Activation::gelu_tanh);
  CHECK(!gpt2.gated_mlp);
}

TEST_CASE("sliding windows by family") {
  CHECK(parse_with({{"model_type", "mistral"}}).window == std::vector<std::int64_t>(4, 4096));
  json mistral = llama_json();
  mistral["model_type"] = "mistral";
  mistral["sliding_window"] = nullptr;
  CHECK(parse(mistral).window == std::vector<std::int64_t>(4, 0));
  mistral["sliding_window"] = 9;
  CHECK(parse(mistral).window == std::vector<std::int64_t>(4, 9));
  const json qwen = {{"model_type", "qwen2"}, {"sliding_window", 16}, {"max_window_layers", 2}};
  CHECK(parse_with(qwen).window == std::vector<std::int64_t>(4, 0));
  json used = qwen;
  used["use_sliding_window"] = true;
  CHECK(parse_with(used).window == std::vector<std::int64_t>{0, 0, 16, 16});
  used["layer_types"] = {"sliding_attention", "full_attention", "full_attention", "sliding_attention"};
  CHECK(parse_with(used).window == std::vector<std::int64_t>{16, 0, 0, 16});
  used["layer_types"] = {"sliding_attention"};
  mentions(refused(used), "1 entries for 4 layers");
  used["layer_types"] = {"linear_attention", "full_attention", "full_attention", "full_attention"};
  mentions(refused(used), "linear_attention");
  const json smollm = {{"model_type", "smollm3"}, {"use_sliding_window", true}, {"sliding_window", 8}};
  CHECK(parse_with(smollm).window == std::vector<std::int64_t>{0, 0, 0, 8});
}

TEST_CASE("rope settings in old and new keys") {
  CHECK(parse_with({{"rope_theta", 5000}}).rope_theta == 5000);
  const DecoderConfig modern = parse_with({{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e6}}}});
  CHECK(modern.rope_theta == 1e6);
  CHECK(modern.rope_scaling.kind == RopeScaling::Kind::none);
  const DecoderConfig linear = parse_with({{"rope_scaling", {{"type", "linear"}, {"factor", 4}}}, {"rope_theta", 777}});
  CHECK(linear.rope_scaling.kind == RopeScaling::Kind::linear);
  CHECK(linear.rope_scaling.factor == 4);
  CHECK(linear.rope_theta == 777);
  CHECK(rope_frequencies(linear)[0] == 0.25f);
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8},
                       {"low_freq_factor", 1},
                       {"high_freq_factor", 4},
                       {"original_max_position_embeddings", 128}};
  const DecoderConfig scaled = parse_with({{"rope_scaling", llama3}});
  CHECK(scaled.rope_scaling.kind == RopeScaling::Kind::llama3);
  CHECK(scaled.rope_scaling.original_positions == 128);
  CHECK(rope_frequencies(scaled)[0] == 1.0f);                       // short waves stay
  CHECK(rope_frequencies(scaled)[3] == doctest::Approx(1e-3 / 8));  // long waves are divided
  const DecoderConfig yarn = parse_with({{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}}});
  CHECK(yarn.rope_scaling.original_positions == 512);
  CHECK(yarn.rope_scaling.attention_factor == doctest::Approx(0.1 * std::log(4.0) + 1));
}

TEST_CASE("what is not supported is refused by name") {
  mentions(refused({{"model_type", "mixtral"}}), "mixtral");
  mentions(refused({{"model_type", "lama"}}), "did you mean llama");
  mentions(refused({{"quantization_config", {{"bits", 4}}}}), "quantiz");
  mentions(refused({{"num_local_experts", 8}}), "mixtures of experts");
  mentions(refused({{"hidden_act", "mish"}}), "mish");
  mentions(refused({{"partial_rotary_factor", 0.5}}), "partial");
  mentions(refused({{"rope_scaling", {{"rope_type", "longrope"}, {"factor", 2}}}}), "longrope");
  mentions(refused({{"rope_scaling", {{"rope_type", "linear"}}}}), "factor");
  mentions(refused({{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}}), "per layer type");
  mentions(refused({{"is_encoder_decoder", true}}), "cross attention");
  mentions(refused({{"scale_attn_by_inverse_layer_idx", true}}, gpt2_json()), "scaled by layer");
  mentions(refused({{"scale_attn_weights", false}}, gpt2_json()), "unscaled");
}

TEST_CASE("every number is held within bounds") {
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "num_key_value_heads", "max_position_embeddings"}) {
    for (const json& bad : {json(0), json(-1), json(1e30), json(1.5), json("64"), json(true), json::array(),
                            json::object(), json(std::uint64_t{1} << 63)}) {
      INFO(key, " = ", bad.dump());
      mentions(refused({{key, bad}}), key);
    }
  }
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "max_position_embeddings"}) {
    json missing = llama_json();
    missing.erase(key);
    mentions(refused({}, missing), std::string(key) + ": the key is missing");
  }
  mentions(refused({{"rms_norm_eps", -1}}), "rms_norm_eps");
  mentions(refused({{"rms_norm_eps", "small"}}), "rms_norm_eps");
  mentions(refused({{"rope_theta", 0}}), "rope_theta");
  mentions(refused({{"num_key_value_heads", 3}}), "divide");
  mentions(refused({{"num_attention_heads", 7}}), "multiple");
  mentions(refused({{"head_dim", 9}}), "odd");
  mentions(refused({{"head_dim", 100000}}), "head_dim");
  mentions(refused({{"n_head", 3}}, gpt2_json()), "multiple");
  mentions(refused({{"tie_word_embeddings", "yes"}}), "tie_word_embeddings");
  mentions(refused({{"eos_token_id", "two"}}), "eos_token_id");
  CHECK_THROWS_AS(parse(json::array()), Error);
  CHECK_THROWS_AS(parse(json::object()), Error);
}
