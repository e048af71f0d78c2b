#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "../base/temp_folder.hpp"
#include "../models/encoder_fixture.hpp"
#include "base/error.hpp"
#include "changed_folder.hpp"
#include "compress/quantise.hpp"

using namespace dynexec;
using dynexec_test::change_config;
using dynexec_test::change_tensors;

namespace {

namespace fs = std::filesystem;
using Values = std::vector<float>;
using Texts = std::vector<std::vector<std::int32_t>>;

constexpr const char* kFormats[] = {"int8", "int8-g32", "int4-g32", "int4-g64", "int4-g128"};

Texts some_texts() {
  Texts texts;
  for (std::size_t i = 0; i < 24; ++i) texts.push_back(random_ids(40 - i, i));
  return texts;
}

void append(Values& all, std::span<const float> values) {
  all.insert(all.end(), values.begin(), values.end());
}

// States after every layer, what the exits say and the classifier's answer.
Values outputs(const fs::path& path, const WeightFormat& format, const Texts& texts) {
  const ModelFolder folder = ModelFolder::open(path);
  const auto encoder = Encoder::load(folder, format);
  const auto exits = load_encoder_exits(folder, encoder->config());
  EncoderSession session(encoder);
  Values all;
  for (const auto& text : texts) {
    session.start(text);
    for (std::int64_t layer = 0; layer < encoder->config().layers; ++layer) {
      session.run_to(layer);
      append(all, session.states(0));
      for (const EncoderExit& exit : exits)
        if (exit.layer == layer) append(all, session.classify(exit.head, false));
    }
    append(all, session.logits());
  }
  return all;
}

double distance(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i] - b[i]), 2);
  return sum;
}

// Nothing but the matrices of the report is changed.
void check_kept(const ModelFolder& from, const ModelFolder& to, const QuantiseReport& report) {
  for (const std::string& name : from.tensor_names()) {
    const auto named = [&](const QuantisedMatrix& matrix) { return matrix.name.ends_with(name); };
    if (std::any_of(report.matrices.begin(), report.matrices.end(), named)) continue;
    INFO(std::string(name));
    const auto before = from.find(name), after = to.find(name);
    REQUIRE(after.has_value());
    CHECK(after->dtype == before->dtype);
    CHECK(std::equal(before->bytes.begin(), before->bytes.end(), after->bytes.begin(), after->bytes.end()));
  }
}

void check_round_trips(const EncoderFolder& model, std::size_t matrices) {
  const ModelFolder from = ModelFolder::open(model.write());
  const Texts texts{random_ids(1, 1), random_ids(17, 2), random_ids(40, 3)};
  const Values exact = outputs(model.path(), {}, texts);
  for (const char* name : kFormats) {
    INFO(std::string(name));
    const dynexec_test::TempFolder out;
    const fs::path small = out.file("small");
    WeightFormat format = weight_format(name);
    const QuantiseReport report = quantise_folder(from, small, {.formats = format}, nullptr);
    CHECK(report.matrices.size() == matrices);
    CHECK(report.matrices.front().error < 0);
    CHECK(report.bytes_after < 0.7 * report.bytes_before);
    check_kept(from, ModelFolder::open(small), report);
    const auto loaded = Encoder::load(small), rounded = Encoder::load(from, format);
    CHECK(loaded->formats() == format);
    CHECK(loaded->parameters() == rounded->parameters());
    CHECK(loaded->memory_bytes() == rounded->memory_bytes());
    const Values found = outputs(small, {}, texts);
    CHECK(found != exact);
    CHECK(found == outputs(model.path(), format, texts));
    CHECK(found == outputs(small, format, texts));
    // Products in whole numbers are the reader's choice, other formats are not.
    format.rounded_inputs = true;
    CHECK(outputs(small, format, texts) == outputs(model.path(), format, texts));
    for (const char* other : {"bf16", "int8-g32", "int4-g128-a8"}) {
      if (std::string(other).starts_with(name)) continue;
      const Error error = dynexec_test::error_of<Error>([&] { Encoder::load(small, weight_format(other)); });
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.message().find(name) != std::string::npos);
    }
    CHECK_THROWS_AS(quantise_folder(ModelFolder::open(small), out.file("again"), {.formats = format}, nullptr), Error);
  }
}

}  // namespace

TEST_CASE("a quantised encoder is what rounding while loading gives, bit for bit, its exits too") {
  EncoderFolder bert;
  bert.bert();
  check_round_trips(bert, 3 * 6);
  EncoderFolder distilbert("distilbert");
  distilbert.distilbert();
  check_round_trips(distilbert, 2 * 6);
}

TEST_CASE("names without the network's prefix stay as they are") {
  EncoderFolder bare;
  bare.bert();
  std::map<std::string, CnnFolder::Stored> tensors;
  for (const auto& [name, stored] : bare.tensors) tensors[name.starts_with("bert.") ? name.substr(5) : name] = stored;
  bare.tensors = tensors;
  check_round_trips(bare, 3 * 6);
}

TEST_CASE("the tokenizer's files come along, other indices do not") {
  EncoderFolder model;
  model.bert();
  const fs::path path = model.write();
  for (const char* name : {"tokenizer.json", "special_tokens_map.json", "model.safetensors.index.json"})
    dynexec_test::write_text((path / name).string(), std::string("{\"") + name + "\": 1}");
  const dynexec_test::TempFolder out;
  const fs::path small = out.file("small");
  quantise_folder(ModelFolder::open(path), small, {.formats = weight_format("int8")}, nullptr);
  for (const char* name : {"tokenizer.json", "special_tokens_map.json"})
    CHECK(dynexec_test::read_text((small / name).string()) == dynexec_test::read_text((path / name).string()));
  CHECK_FALSE(fs::exists(small / "model.safetensors.index.json"));
}

TEST_CASE("GPTQ changes less of what an encoder gives on its calibration texts than rounding to the nearest") {
  EncoderFolder bert, distilbert("distilbert");
  bert.bert();
  distilbert.distilbert();
  for (const bool first : {true, false}) {
    const fs::path path = (first ? bert : distilbert).write();
    const ModelFolder from = ModelFolder::open(path);
    const Texts texts = some_texts();
    const Values exact = outputs(path, {}, texts);
    for (const char* name : {"int8", "int4-g32"}) {
      INFO(std::string(name));
      const dynexec_test::TempFolder out;
      QuantiseOptions options{.formats = weight_format(name), .method = QuantiseMethod::gptq, .texts = texts};
      std::vector<std::int64_t> layers;
      const QuantiseReport report = quantise_folder(from, out.file("gptq"), options,
                                                    [&](std::int64_t done, std::int64_t) { layers.push_back(done); });
      CHECK(layers.size() == (first ? 3u : 2u));
      options.method = QuantiseMethod::nearest;
      const QuantiseReport plain = quantise_folder(from, out.file("nearest"), options, nullptr);
      CHECK(plain.matrices.front().nearest == report.matrices.front().nearest);
      double error = 0, nearest = 0;
      for (std::size_t i = 0; i < report.matrices.size(); ++i) {
        CAPTURE(report.matrices[i].name);
        CHECK(report.matrices[i].error <= report.matrices[i].nearest);
        CHECK(plain.matrices[i].error == plain.matrices[i].nearest);
        error += report.matrices[i].error;
        nearest += report.matrices[i].nearest;
      }
      const double found = distance(outputs(out.file("gptq"), {}, texts), exact),
                   rounded = distance(outputs(out.file("nearest"), {}, texts), exact);
      MESSAGE(std::string(name), ": matrices' errors ", error, ", nearest ", nearest, "; outputs' ", found,
              ", nearest ", rounded);
      CHECK(error < 0.9 * nearest);
      CHECK(found < rounded);
    }
  }
}

TEST_CASE("what cannot be quantised is said") {
  EncoderFolder model;
  model.bert();
  const ModelFolder from = ModelFolder::open(model.write());
  const dynexec_test::TempFolder out;
  const auto refusal = [&](const ModelFolder& folder, const QuantiseOptions& options) {
    return dynexec_test::error_of<Error>([&] { quantise_folder(folder, out.file("x"), options, nullptr); });
  };
  const WeightFormat int8 = weight_format("int8");
  for (const char* name : {"fp32", "bf16", "fp16", "int8-a8"})
    CHECK(refusal(from, {.formats = weight_format(name)}).kind() == ErrorKind::config);

  CHECK(longest_text(from) == 40);
  CHECK(own_texts(from, 8, 16, 1).empty());
  const Error untold = refusal(from, {.formats = int8, .method = QuantiseMethod::gptq});
  CHECK(untold.kind() == ErrorKind::config);
  CHECK(untold.hint().find("--texts") != std::string::npos);
  for (const Texts& texts : {Texts{random_ids(41, 1)}, Texts{{50}}, Texts{{-1}}, Texts{{}}})
    CHECK(refusal(from, {.formats = int8, .texts = texts}).kind() == ErrorKind::data);

  CnnFolder pictures("pictures");
  pictures.resnet();
  const Error other = refusal(ModelFolder::open(pictures.write()), {.formats = int8});
  CHECK(other.kind() == ErrorKind::model);
  CHECK(other.message().find("resnet") != std::string::npos);
  for (const char* family : {"llama", "distilbert"}) CHECK(other.hint().find(family) != std::string::npos);
  change_config(pictures.path(), [](auto& config) { config["model_type"] = "distilbrt"; });
  const Error slip = dynexec_test::error_of<Error>([&] { longest_text(ModelFolder::open(pictures.path())); });
  CHECK(slip.message().find("did you mean distilbert") != std::string::npos);
}

TEST_CASE("quantised encoders that are broken are refused") {
  EncoderFolder model;
  model.bert();
  const ModelFolder from = ModelFolder::open(model.write());
  const dynexec_test::TempFolder out;
  const auto refused = [&](const char* format, const char* name, const auto& change) {
    INFO(std::string(name));
    const fs::path folder = out.file(name);
    quantise_folder(from, folder, {.formats = weight_format(format)}, nullptr);
    change(folder);
    CHECK(dynexec_test::error_of<Error>([&] { Encoder::load(folder); }).kind() == ErrorKind::model);
  };
  const auto tensors = [](const auto& change) {
    return [change](const fs::path& folder) { change_tensors(folder, change); };
  };
  const auto config = [](const char* key, const char* value) {
    return [key, value](const fs::path& folder) {
      change_config(folder, [&](auto& json) { json["quantization_config"][key] = value; });
    };
  };
  const std::string matrix = "bert.encoder.layer.1.attention.self.key.weight";
  refused("int4-g32", "no minima", tensors([&](auto& all) { all.erase(matrix + ".minima"); }));
  refused("int4-g32", "no scales", tensors([&](auto& all) { all.erase(matrix + ".scales"); }));
  refused("int8", "no scales, int8", tensors([&](auto& all) { all.erase(matrix + ".scales"); }));
  refused("int4-g32", "short codes", tensors([&](auto& all) {
            all[matrix].shape = {32, 15};
            all[matrix].bytes = all[matrix].bytes.first(32 * 15);
          }));
  refused("int4-g32", "other type", tensors([&](auto& all) { all[matrix].dtype = DType::i8; }));
  const std::vector<std::uint16_t> infinite(32, 0x7c00);
  refused("int4-g32", "infinite scale",
          tensors([&](auto& all) { all[matrix + ".scales"].bytes = std::as_bytes(std::span(infinite)); }));
  refused("int8", "minima", tensors([&](auto& all) { all[matrix + ".minima"] = all[matrix + ".scales"]; }));
  refused("int8", "another's", config("quant_method", "gptq"));
  refused("int8", "unknown format", config("format", "fp32"));
  refused("int8", "a format of the reader", config("format", "int8-a8"));
  refused("int8", "other format", config("format", "int4-g32"));
}
