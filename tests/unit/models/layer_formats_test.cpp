#include "models/layer_formats.hpp"

#include <doctest/doctest.h>

#include "../base/temp_folder.hpp"

using namespace dynexec;
using dynexec_test::error_of;

namespace {

const std::vector<std::string> kMatrices{"model.layers.0.self_attn.q_proj.weight",
                                         "model.layers.0.self_attn.v_proj.weight",
                                         "model.layers.10.mlp.down_proj.weight"};

}  // namespace

TEST_CASE("formats of layers are read and written as the same text") {
  for (const std::string& name : weight_format_names()) {
    CHECK(LayerFormats::parse(name) == weight_format(name));
    CHECK(LayerFormats(weight_format(name)).name() == name);
  }
  for (const char* text :
       {"int4-g32+v_proj=int8", "int4-g64-a8+v_proj=int8-a8+down_proj=bf16", "fp32+layers.0=int4-g32"})
    CHECK(LayerFormats::parse(text).name() == text);
  CHECK(LayerFormats::parse("int8+a=int8") != LayerFormats::parse("int8"));
  CHECK(LayerFormats::parse("int8+a=bf16+b=fp16") != LayerFormats::parse("int8+b=fp16+a=bf16"));
  CHECK(LayerFormats() == LayerFormats::parse("fp32"));
}

TEST_CASE("an exception is for names that have it between dots, the last one counts") {
  const auto formats = LayerFormats::parse("int4-g32+v_proj=int8+layers.1=bf16+model.layers.3.mlp.down_proj=fp32");
  const auto of = [&](const char* name) { return formats.of(name).name(); };
  CHECK(of("model.layers.0.self_attn.v_proj.weight") == "int8");
  CHECK(of("model.layers.0.self_attn.q_proj.weight") == "int4-g32");
  CHECK(of("model.layers.0.self_attn.my_v_proj.weight") == "int4-g32");
  CHECK(of("model.layers.1.self_attn.v_proj.weight") == "bf16");
  CHECK(of("model.layers.10.self_attn.v_proj.weight") == "int8");
  CHECK(of("layers.1.mlp.up_proj.weight") == "bf16");
  CHECK(of("model.layers.3.mlp.down_proj.weight") == "fp32");
  CHECK(of("v_proj") == "int8");
  CHECK(LayerFormats::parse("int8+v_proj=bf16+self_attn=fp16").of(kMatrices[1]).name() == "fp16");
  CHECK(LayerFormats::parse("int8+self_attn=fp16+v_proj=bf16").of(kMatrices[1]).name() == "bf16");
}

TEST_CASE("formats of layers say what they are made of") {
  CHECK(LayerFormats::parse("int8+a=bf16+b=int8+c=bf16").all() ==
        std::vector<WeightFormat>{weight_format("int8"), weight_format("bf16")});
  CHECK(LayerFormats::parse("fp32+a=int8").quantised());
  CHECK_FALSE(LayerFormats::parse("fp32+a=bf16").quantised());
  CHECK(LayerFormats::parse("int8+a=int8-a8").rounded_inputs());
  CHECK(LayerFormats::parse("bf16+a=bf16-a16").rounded_inputs());
  CHECK_FALSE(LayerFormats::parse("bf16-a16").quantised());
  CHECK_FALSE(LayerFormats::parse("int8+a=int4-g32").rounded_inputs());
  CHECK(LayerFormats::parse("int8-a8+a=int4-g32-a8+b=bf16").without_rounded_inputs().name() ==
        "int8+a=int4-g32+b=bf16");
}

TEST_CASE("formats that cannot be read are refused with what is wrong") {
  const auto refused = [](const char* text, const char* what, const char* hint) {
    const Error error = error_of<Error>([&] { LayerFormats::parse(text); });
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(error.message().find(what) != std::string::npos);
    CHECK(error.hint().find(hint) != std::string::npos);
  };
  refused("", "''", "");
  refused("int4g32", "int4g32", "int4-g32");
  refused("int4-g3+v_proj=int8", "'int4-g3'", "int4-g32");
  refused("int4-g32+v_proj=int3", "'int3'", "int8");
  refused("int4-g32+v_proj", "'v_proj' names no format", "v_proj=int8");
  refused("int4-g32+", "names no format", "=");
  refused("int4-g32++v_proj=int8", "names no format", "=");
  refused("int4-g32+=int8", "names no matrix", "=");
  refused("int4-g32+v_proj=", "''", "");
  refused("int4-g32+a=b=int8", "'b=int8'", "");
}

TEST_CASE("an exception that no matrix fits is refused with the nearest name") {
  const auto refusal = [](const char* text, const FormatsOrigin& origin) {
    return error_of<Error>([&] { require_used(LayerFormats::parse(text), kMatrices, origin); });
  };
  for (const char* text : {"int8", "int8+v_proj=bf16+layers.0=bf16+model.layers.10.mlp.down_proj=fp32+weight=bf16"})
    CHECK_NOTHROW(require_used(LayerFormats::parse(text), kMatrices, {}));
  const Error slip = refusal("int8+down_proj=bf16+v_prj=int4-g32", {});
  CHECK(slip.kind() == ErrorKind::config);
  CHECK(slip.message().find("'v_prj'") != std::string::npos);
  CHECK(slip.hint() == "did you mean v_proj?");
  CHECK(refusal("int8+model.layers.10.mlp.downproj=bf16", {}).hint() == "did you mean model.layers.10.mlp.down_proj?");
  const Error far = refusal("int8+something=bf16", {ErrorKind::model, "here/config.json"});
  CHECK(far.kind() == ErrorKind::model);
  CHECK(far.where() == "here/config.json");
  CHECK(far.hint().find("model, layers, self_attn, q_proj, v_proj, mlp, down_proj") != std::string::npos);
  CHECK(refusal("int8+layers.1=bf16", {}).message().find("'layers.1'") != std::string::npos);
}

TEST_CASE("a gate and what it is multiplied with need one format") {
  const auto check = [](const char* text) {
    require_one_format(LayerFormats::parse(text), "layers.0.gate_proj.weight", "layers.0.up_proj.weight",
                       {ErrorKind::model, "there"});
  };
  CHECK_NOTHROW(check("int4-g32+gate_proj=int8+up_proj=int8"));
  const Error error = error_of<Error>([&] { check("int4-g32+gate_proj=int8"); });
  CHECK(error.kind() == ErrorKind::model);
  CHECK(error.where() == "there");
  CHECK(error.message().find("are multiplied with each other and need one format") != std::string::npos);
}
