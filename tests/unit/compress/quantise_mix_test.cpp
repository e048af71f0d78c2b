// Folders whose matrices have several formats.
#include <doctest/doctest.h>

#include <algorithm>

#include "../base/temp_folder.hpp"
#include "../models/encoder_fixture.hpp"
#include "base/error.hpp"
#include "changed_folder.hpp"
#include "compress/quantise.hpp"
#include "models/decoder.hpp"
#include "models/stored_weights.hpp"
#include "tests/support/tiny_model.hpp"

using namespace dynexec;
using dynexec_test::change_config;
using dynexec_test::change_tensors;
using dynexec_test::error_of;
using dynexec_test::TempFolder;

namespace {

namespace fs = std::filesystem;

const testing::TinyModel kShape{
    .vocab = 40, .hidden = 64, .layers = 2, .heads = 4, .kv_heads = 2, .intermediate = 90, .seed = 3, .scale = 0.2};

std::vector<float> logits_of(const fs::path& folder, const LayerFormats& formats) {
  DecoderSession session(Decoder::load(folder, {.layers = formats, .head = {}}), 32);
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 30; ++i) tokens.push_back(i * 7 % 40);
  const std::span<const float> logits = session.forward(tokens, 30);
  return {logits.begin(), logits.end()};
}

std::vector<float> states_of(const fs::path& folder, const LayerFormats& formats) {
  EncoderSession session(Encoder::load(folder, formats));
  session.start(random_ids(23, 1));
  session.run_to(2);
  const std::span<const float> states = session.states(0);
  return {states.begin(), states.end()};
}

std::string dtype_of(const fs::path& folder, const std::string& name) {
  return dtype_name(ModelFolder::open(folder).find(name)->dtype);
}

}  // namespace

TEST_CASE("a folder in several formats is what rounding to them while loading gives, bit for bit") {
  const testing::TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  for (const char* text : {"int4-g32+v_proj=int8+down_proj=int8", "int8+layers.0=int4-g64+self_attn=fp16",
                           "fp32+down_proj=int4-g128", "int4-g32+model.layers.1.self_attn.q_proj=bf16+k_proj=fp32"}) {
    INFO(std::string(text));
    const auto formats = LayerFormats::parse(text);
    const TempFolder out;
    const fs::path small = out.file("small");
    const QuantiseReport report = quantise_folder(from, small, {.formats = formats}, nullptr);
    CHECK(report.bytes_after < report.bytes_before);
    CHECK(folder_formats(ModelFolder::open(small)) == formats);
    CHECK(Decoder::load(small)->formats().layers == formats);
    const std::vector<float> found = logits_of(small, {});
    CHECK(found == logits_of(model.path(), formats));
    CHECK(found == logits_of(small, formats));
    CHECK(found != logits_of(model.path(), formats.base()));
  }
}

TEST_CASE("products in whole numbers are the reader's choice, matrix by matrix; other formats are not") {
  const testing::TinyModelFolder model(kShape);
  const TempFolder out;
  const fs::path small = out.file("small");
  quantise_folder(ModelFolder::open(model.path()), small, {.formats = LayerFormats::parse("int4-g32+v_proj=int8")},
                  nullptr);
  for (const char* text : {"int4-g32-a8+v_proj=int8-a8", "int4-g32+v_proj=int8-a8", "int4-g32-a8+v_proj=int8"}) {
    INFO(std::string(text));
    const auto formats = LayerFormats::parse(text);
    CHECK(logits_of(small, formats) == logits_of(model.path(), formats));
  }
  for (const char* text : {"int4-g32", "int8", "int4-g32+v_proj=int4-g64", "int4-g32+v_proj=int8+k_proj=int8",
                           "int4-g32+k_proj=int8", "fp32+v_proj=int8", "int4-g32-a8"}) {
    INFO(std::string(text));
    const Error error = error_of<Error>([&] { logits_of(small, LayerFormats::parse(text)); });
    CHECK(error.kind() == ErrorKind::config);
    CHECK(error.message().find("int4-g32+v_proj=int8") != std::string::npos);
  }
}

TEST_CASE("matrices whose exception is not quantised stay the tensors they were") {
  const testing::TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  const TempFolder out;
  const fs::path small = out.file("small");
  const std::string kept = "model.layers.1.self_attn.v_proj.weight", other = "model.layers.0.self_attn.v_proj.weight";
  quantise_folder(from, small, {.formats = LayerFormats::parse("int8+" + kept + "=bf16")}, nullptr);
  const ModelFolder to = ModelFolder::open(small);
  const auto before = from.find(kept)->bytes, after = to.find(kept)->bytes;
  CHECK(std::equal(before.begin(), before.end(), after.begin(), after.end()));
  CHECK_FALSE(to.find(kept + ".scales").has_value());
  CHECK(dtype_of(small, kept) == "F32");
  CHECK(dtype_of(small, other) == "I8");
}

TEST_CASE("an encoder's folder in several formats is what rounding to them while loading gives") {
  EncoderFolder bert;
  bert.bert();
  const ModelFolder from = ModelFolder::open(bert.write());
  for (const char* text : {"int4-g32+value=int8+output.dense=int8", "int8+layer.1=bf16+query=int4-g64"}) {
    INFO(std::string(text));
    const auto formats = LayerFormats::parse(text);
    const TempFolder out;
    const fs::path small = out.file("small");
    quantise_folder(from, small, {.formats = formats}, nullptr);
    CHECK(Encoder::load(small)->formats() == formats);
    CHECK(states_of(small, {}) == states_of(bert.path(), formats));
  }
}

TEST_CASE("GPTQ sees what the layers before give in their own formats, and leaves unquantised matrices alone") {
  const testing::TinyModelFolder model(kShape);
  const ModelFolder from = ModelFolder::open(model.path());
  const TempFolder out;
  QuantiseOptions options{.formats = LayerFormats::parse("int4-g32+v_proj=int8+o_proj=bf16+k_proj=fp32"),
                          .method = QuantiseMethod::gptq,
                          .texts = own_texts(from, 24, 32, 1)};
  const QuantiseReport mixed = quantise_folder(from, out.file("mixed"), options, nullptr);
  const auto error_of_matrix = [](const QuantiseReport& report, const std::string& part) {
    return std::find_if(report.matrices.begin(), report.matrices.end(),
                        [&](const QuantisedMatrix& matrix) { return matrix.name.find(part) != std::string::npos; })
        ->error;
  };
  CHECK(error_of_matrix(mixed, "k_proj") == 0);
  CHECK(error_of_matrix(mixed, "o_proj") > 0);
  CHECK(error_of_matrix(mixed, "o_proj") < error_of_matrix(mixed, "v_proj"));
  CHECK(error_of_matrix(mixed, "v_proj") < error_of_matrix(mixed, "q_proj"));
  CHECK(dtype_of(out.file("mixed"), "model.layers.0.self_attn.o_proj.weight") == "F32");
  CHECK_NOTHROW(logits_of(out.file("mixed"), {}));
}

TEST_CASE("formats that no folder may have are refused before anything is written") {
  const testing::TinyModelFolder model(kShape);
  const TempFolder out;
  for (const char* text : {"int4-g32+v_prj=int8", "int4-g32+layers.2=int8", "int4-g32+up_proj=int8",
                           "int4-g32-a8+v_proj=int8", "int4-g32+v_proj=int8-a8", "fp32+v_proj=bf16"}) {
    INFO(std::string(text));
    const Error error = error_of<Error>([&] {
      quantise_folder(ModelFolder::open(model.path()), out.file("x"), {.formats = LayerFormats::parse(text)}, nullptr);
    });
    CHECK(error.kind() == ErrorKind::config);
    CHECK_FALSE(error.hint().empty());
    CHECK_FALSE(fs::exists(out.file("x")));
  }
}

TEST_CASE("folders in several formats that are broken are refused, with the place") {
  const testing::TinyModelFolder model(kShape);
  const TempFolder out;
  const std::string q_proj = "model.layers.1.self_attn.q_proj.weight",
                    v_proj = "model.layers.1.self_attn.v_proj.weight",
                    o_proj = "model.layers.1.self_attn.o_proj.weight";
  const auto refused = [&](const char* name, const std::string& where, const auto& change) {
    INFO(std::string(name));
    const fs::path folder = out.file(name);
    quantise_folder(ModelFolder::open(model.path()), folder,
                    {.formats = LayerFormats::parse("int4-g32+v_proj=int8+o_proj=bf16")}, nullptr);
    CHECK_NOTHROW(Decoder::load(folder));
    change(folder);
    const Error error = error_of<Error>([&] { Decoder::load(folder); });
    CHECK(error.kind() == ErrorKind::model);
    INFO(format_error(error));
    CHECK(format_error(error).find(where) != std::string::npos);
  };
  const auto format = [](const char* text) {
    return [text](const fs::path& folder) {
      change_config(folder, [&](auto& json) { json["quantization_config"]["format"] = text; });
    };
  };
  const auto tensors = [](const auto& change) {
    return [change](const fs::path& folder) { change_tensors(folder, change); };
  };
  refused("no format", "format", format("int4-g32+v_proj+o_proj=bf16"));
  refused("unknown", "format", format("int4-g32+v_proj=int3+o_proj=bf16"));
  refused("integer", "format", format("int4-g32+v_proj=int8-a8+o_proj=bf16"));
  refused("no matrix", "config.json", format("int4-g32+v_proj=int8+o_proj=bf16+x_proj=int8"));
  refused("half a gate", "config.json", format("int4-g32+v_proj=int8+o_proj=bf16+gate_proj=int8"));
  refused("as base", "layers.0.self_attn.v_proj.weight", format("int4-g32+o_proj=bf16"));
  refused("not as stored", "layers.0.self_attn.v_proj.weight.scales", format("int4-g32+v_proj=int8-g32+o_proj=bf16"));
  refused("not rounded", "v_proj", format("int4-g32+v_proj=bf16+o_proj=bf16"));
  refused("not quantised", "layers.0.self_attn.o_proj.weight", format("int4-g32+v_proj=int8"));
  // Once it was rounded while loading.
  refused("no scales", q_proj, tensors([&](auto& all) {
            static std::vector<float> values(64 * 64);
            all[q_proj] = {
                .name = q_proj, .dtype = DType::f32, .shape = {64, 64}, .bytes = std::as_bytes(std::span(values))};
            all.erase(q_proj + ".scales");
            all.erase(q_proj + ".minima");
          }));
  refused("scales of plain numbers", o_proj,
          tensors([&](auto& all) { all[o_proj + ".scales"] = all[v_proj + ".scales"]; }));
  refused("code -128", v_proj, tensors([&](auto& all) {
            static std::vector<std::byte> codes;
            codes.assign(all[v_proj].bytes.begin(), all[v_proj].bytes.end());
            codes[100] = std::byte{0x80};
            all[v_proj].bytes = codes;
          }));
}
