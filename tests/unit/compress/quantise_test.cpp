#include "compress/quantise.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"
#include "changed_folder.hpp"
#include "models/decoder.hpp"
#include "models/stored_weights.hpp"
#include "tests/support/tiny_model.hpp"

using namespace dynexec;
using dynexec::testing::TinyModel;
using dynexec::testing::TinyModelFolder;

namespace {

const TinyModel kShape{
    .vocab = 40, .hidden = 64, .layers = 3, .heads = 4, .kv_heads = 2, .intermediate = 90, .seed = 3, .scale = 0.2};

std::vector<float> logits_of(const std::shared_ptr<const Decoder>& decoder) {
  DecoderSession session(decoder, 32);
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 30; ++i) tokens.push_back(i * 7 % 40);
  const std::span<const float> logits = session.forward(tokens, 30);
  return {logits.begin(), logits.end()};
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i] - b[i]), 2);
  return sum;
}

}  // namespace

TEST_CASE("a quantised folder is the model that rounding while loading gives, bit for bit") {
  const TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  for (const char* name : {"int8", "int8-g32", "int4-g32", "int4-g64", "int4-g128"}) {
    const dynexec_test::TempFolder out;
    const WeightFormat format = weight_format(name);
    const QuantiseReport report = quantise_folder(from, out.file("small"), {.formats = format}, nullptr);
    INFO(name);
    CHECK(report.matrices.size() == 3 * 7);
    CHECK(report.bytes_after < report.bytes_before);
    const std::filesystem::path small = out.file("small");
    const auto loaded = Decoder::load(small);
    CHECK(loaded->formats().layers == format);
    CHECK(loaded->parameters() == Decoder::load(from)->parameters());
    CHECK(logits_of(loaded) == logits_of(Decoder::load(from, {.layers = format, .head = {}})));
    // Products in whole numbers are the reader's choice, other formats are not.
    WeightFormat integer = format;
    integer.rounded_inputs = true;
    CHECK(logits_of(Decoder::load(small, {.layers = integer, .head = {}})) ==
          logits_of(Decoder::load(from, {.layers = integer, .head = {}})));
    CHECK_THROWS_AS(Decoder::load(small, {.layers = weight_format("bf16"), .head = {}}), Error);
    CHECK_THROWS_AS(quantise_folder(ModelFolder::open(small), out.file("again"), {.formats = format}, nullptr), Error);
  }
}

TEST_CASE("GPTQ brings the logits nearer to those of the whole model than rounding to the nearest") {
  const TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  const std::vector<float> wanted = logits_of(Decoder::load(from));
  const auto texts = own_texts(from, 24, 32, 1);
  CHECK(texts.size() == 24);
  CHECK(texts == own_texts(from, 24, 32, 1));
  CHECK(texts != own_texts(from, 24, 32, 2));
  const dynexec_test::TempFolder out;
  std::vector<std::int64_t> layers;
  QuantiseOptions options{.formats = weight_format("int4-g32"), .method = QuantiseMethod::gptq, .texts = texts};
  const QuantiseReport report = quantise_folder(from, out.file("gptq"), options,
                                                [&](std::int64_t done, std::int64_t) { layers.push_back(done); });
  CHECK(layers == std::vector<std::int64_t>{1, 2, 3});
  double error = 0, nearest = 0;
  for (const QuantisedMatrix& matrix : report.matrices) {
    error += matrix.error;
    nearest += matrix.nearest;
    CHECK(matrix.error >= 0);
  }
  CHECK(error < 0.8 * nearest);
  const double found = distance(logits_of(Decoder::load(std::filesystem::path(out.file("gptq")))), wanted);
  const double rounded = distance(logits_of(Decoder::load(from, {.layers = options.formats, .head = {}})), wanted);
  MESSAGE("squared distance of the logits ", found, ", rounded to the nearest ", rounded);
  CHECK(found < rounded);
}

TEST_CASE("GPTAQ follows the whole model where the errors of earlier layers lead away from it") {
  const TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  const std::vector<float> wanted = logits_of(Decoder::load(from));
  QuantiseOptions options{.formats = weight_format("int4-g64"), .texts = own_texts(from, 64, 32, 2)};
  const dynexec_test::TempFolder out;
  const auto folder = [&](const char* name, QuantiseMethod method) {
    options.method = method;
    const QuantiseReport report = quantise_folder(from, out.file(name), options, nullptr);
    CHECK(report.matrices.size() == 3 * 7);
    return report;
  };
  const auto distance_of = [&](const char* name) {
    return distance(logits_of(Decoder::load(std::filesystem::path(out.file(name)))), wanted);
  };
  const QuantiseReport symmetric = folder("gptq", QuantiseMethod::gptq);
  const QuantiseReport asymmetric = folder("gptaq", QuantiseMethod::gptaq);
  const double by_gptq = distance_of("gptq"), by_gptaq = distance_of("gptaq");
  MESSAGE("squared distance of the logits ", by_gptaq, ", by GPTQ ", by_gptq);
  CHECK(by_gptaq < by_gptq);
  for (std::size_t i = 0; i < asymmetric.matrices.size(); ++i) {
    INFO(asymmetric.matrices[i].name);
    CHECK(asymmetric.matrices[i].name == symmetric.matrices[i].name);
    CHECK(asymmetric.matrices[i].error < asymmetric.matrices[i].nearest);
    // Nothing has drifted before the first layer's queries, keys and values; behind them it counts.
    if (i < 3)
      CHECK(asymmetric.matrices[i].error == doctest::Approx(symmetric.matrices[i].error));
    else
      CHECK(asymmetric.matrices[i].error > symmetric.matrices[i].error);
  }
}

TEST_CASE("what cannot be quantised is said, and broken folders are refused") {
  const TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  const dynexec_test::TempFolder out;
  const auto refused = [&](const QuantiseOptions& options, const std::string& to) {
    CHECK_THROWS_AS(quantise_folder(from, to, options, nullptr), Error);
  };
  refused({.formats = weight_format("bf16")}, out.file("x"));
  refused({.formats = weight_format("int8-a8")}, out.file("x"));
  refused({.formats = weight_format("int8"), .method = QuantiseMethod::gptq}, out.file("x"));
  refused({.formats = weight_format("int8"), .method = QuantiseMethod::gptaq}, out.file("x"));
  refused({.formats = weight_format("int8")}, model.path().string());

  const auto broken = [&](const char* name, const std::function<void(std::map<std::string, TensorView>&)>& change) {
    const std::filesystem::path folder = out.file(name);
    quantise_folder(from, folder, {.formats = weight_format("int4-g32")}, nullptr);
    dynexec_test::change_tensors(folder, change);
    CHECK_THROWS_AS(Decoder::load(folder), Error);
  };
  const std::string matrix = "model.layers.1.mlp.up_proj.weight";
  broken("no minima", [&](auto& tensors) { tensors.erase(matrix + ".minima"); });
  broken("no scales", [&](auto& tensors) { tensors.erase(matrix + ".scales"); });
  broken("short codes", [&](auto& tensors) {
    tensors[matrix].shape = {90, 31};
    tensors[matrix].bytes = tensors[matrix].bytes.first(90 * 31);
  });
  broken("other type", [&](auto& tensors) { tensors[matrix].dtype = DType::i8; });
  std::vector<std::uint16_t> infinite(90 * 2, 0x7c00);
  broken("infinite scale",
         [&](auto& tensors) { tensors[matrix + ".scales"].bytes = std::as_bytes(std::span(infinite)); });

  const std::filesystem::path small = out.file("small");
  quantise_folder(from, small, {.formats = weight_format("int8")}, nullptr);
  dynexec_test::change_config(small, [](auto& config) { config["quantization_config"]["quant_method"] = "gptq"; });
  CHECK_THROWS_AS(Decoder::load(small), Error);
  dynexec_test::change_config(small, [](auto& config) {
    config["quantization_config"] = {{"quant_method", "dynexec"}, {"format", "fp32"}};
  });
  CHECK_THROWS_AS(Decoder::load(small), Error);
}
