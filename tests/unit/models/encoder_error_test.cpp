#include "base/error.hpp"
#include "encoder_fixture.hpp"

using namespace dynexec;

namespace {

// What loading the encoder and its exits is refused with, "" when it is not.
std::string refusal(EncoderFolder& folder) {
  try {
    const ModelFolder written = ModelFolder::open(folder.write());
    const auto encoder = Encoder::load(written);
    load_encoder_exits(written, encoder->config());
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return format_error(error);
  }
}

template <class Change>
std::string refusal_after(const Change& change) {
  EncoderFolder folder;
  folder.bert();
  change(folder);
  return refusal(folder);
}

bool mentions(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

ErrorKind kind_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("settings that are not supported or make no sense are named") {
  const auto with = [](const char* key, const nlohmann::json& value) {
    return refusal_after([&](EncoderFolder& folder) { folder.config[key] = value; });
  };
  CHECK(mentions(with("model_type", "roberta"), "roberta"));
  CHECK(mentions(with("hidden_act", "mish"), "mish"));
  CHECK(mentions(with("position_embedding_type", "relative_key"), "relative_key"));
  CHECK(mentions(with("is_decoder", true), "is_decoder"));
  CHECK(mentions(with("num_attention_heads", 5), "num_attention_heads"));
  CHECK(mentions(with("hidden_size", -3), "hidden_size"));
  CHECK(mentions(with("num_hidden_layers", 1e9), "num_hidden_layers"));
  CHECK(mentions(with("layer_norm_eps", "small"), "layer_norm_eps"));
  CHECK(mentions(with("problem_type", "regression"), "regression"));
  CHECK(mentions(with("id2label", {{"0", "a"}, {"2", "b"}}), "class 1"));
  CHECK(mentions(with("id2label", nlohmann::json::array({1})), "id2label"));
  CHECK(mentions(with("quantization_config", {{"bits", 4}}), "quantization_config"));
}

TEST_CASE("tensors that are missing, misshapen or unexplained are named") {
  const auto without = [](const std::string& name) {
    return refusal_after([&](EncoderFolder& folder) { folder.tensors.erase(name); });
  };
  CHECK(mentions(without("bert.encoder.layer.1.output.dense.weight"), "layer.1.output.dense.weight"));
  CHECK(mentions(without("bert.embeddings.LayerNorm.bias"), "LayerNorm.bias"));
  CHECK(mentions(without("bert.pooler.dense.weight"), "pooler"));
  CHECK(mentions(without("exits.1.pooler.bias"), "exits.1.pooler.bias"));
  CHECK(mentions(refusal_after([](EncoderFolder& folder) { folder.add("classifier.weight", {4, 32}); }), "classifier"));
  CHECK(mentions(refusal_after([](EncoderFolder& folder) { folder.config["num_hidden_layers"] = 2; }), "layer.2"));
}

TEST_CASE("exits that config.json describes wrongly are refused") {
  const auto with = [](const char* key, const nlohmann::json& value) {
    return refusal_after([&](EncoderFolder& folder) { folder.config["exits"][key] = value; });
  };
  CHECK(mentions(with("kind", "bof"), "bof"));
  CHECK(mentions(with("pooling", "max"), "max"));
  CHECK(mentions(with("layers", {1, 0}), "ascend"));
  CHECK(mentions(with("layers", {0, 3}), "layers"));
  CHECK(mentions(with("layers", nlohmann::json::array()), "layers"));
  CHECK(mentions(refusal_after([](EncoderFolder& folder) {
                   folder.tensors.erase("classifier.weight");
                   folder.tensors.erase("classifier.bias");
                 }),
                 "no classifier"));
}

TEST_CASE("older names of the norms, and a bare backbone without classifier") {
  EncoderFolder folder;
  folder.bert();
  folder.config.erase("exits");
  std::map<std::string, CnnFolder::Stored> renamed;
  for (const auto& [name, stored] : folder.tensors) {
    std::string bare = name.starts_with("bert.") ? name.substr(5) : name;
    if (bare.ends_with("LayerNorm.weight")) bare.replace(bare.size() - 6, 6, "gamma");
    if (bare.ends_with("LayerNorm.bias")) bare.replace(bare.size() - 4, 4, "beta");
    if (!bare.starts_with("classifier") && !bare.starts_with("exits")) renamed[bare] = stored;
  }
  folder.tensors = renamed;
  const ModelFolder written = ModelFolder::open(folder.write());
  const auto encoder = Encoder::load(written);
  CHECK(encoder->config().classes == 0);
  CHECK(load_encoder_exits(written, encoder->config()).empty());
  EncoderSession session(encoder);
  session.start(random_ids(4, 1));
  session.run_to(2);
  CHECK(kind_of([&] { session.logits(); }) == ErrorKind::model);
}

TEST_CASE("texts that do not fit are refused before anything runs, and wrong use is reported") {
  EncoderFolder folder;
  folder.bert();
  EncoderSession session(Encoder::load(folder.write()), 2);
  CHECK(kind_of([&] { session.run_to(0); }) == ErrorKind::internal);
  session.start(random_ids(3, 1));
  session.run_to(0);
  const std::vector<std::int32_t> long_text(41, 1), high{1, 50}, negative{-1}, empty;
  for (const auto* text : {&long_text, &high, &negative, &empty})
    CHECK(kind_of([&] { session.start(*text); }) == ErrorKind::data);
  const std::vector<std::span<const std::int32_t>> three(3, std::span<const std::int32_t>(high).first(1));
  CHECK(kind_of([&] { session.start(three); }) == ErrorKind::data);
  CHECK(session.rows() == 1);
  CHECK(session.done() == 1);
  CHECK(kind_of([&] { session.logits(); }) == ErrorKind::internal);
  CHECK(kind_of([&] { session.run_to(3); }) == ErrorKind::internal);
  CHECK(kind_of([&] { session.keep(std::vector<std::size_t>{1}); }) == ErrorKind::internal);
}

TEST_CASE("logits that are not finite are an error") {
  EncoderFolder folder;
  folder.bert();
  for (float& value : folder.tensors["classifier.weight"].values) value *= 3e38f;
  EncoderSession session(Encoder::load(folder.write()));
  session.start(random_ids(3, 1));
  session.run_to(2);
  CHECK(kind_of([&] { session.logits(); }) == ErrorKind::model);
}
