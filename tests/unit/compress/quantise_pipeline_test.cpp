#include "compress/quantise_pipeline.hpp"

#include <ATen/ops/cos.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linspace.h>
#include <doctest/doctest.h>

#include <limits>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"
#include "changed_folder.hpp"
#include "models/diffusion/stored_layers.hpp"
#include "models/diffusion/unet.hpp"
#include "tests/support/diffusion_fixture.hpp"

using namespace dynexec;
using namespace dynexec::diffusers;
using dynexec_test::change_config;
using dynexec_test::change_tensors;
using dynexec_test::error_of;

namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, TensorView>;
using Kind = LayerPlan::Kind;

constexpr const char* kConv = "down_blocks.0.resnets.0.conv1.weight";

at::Tensor waves(at::IntArrayRef sizes, double step) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) count *= size;
  return at::linspace(0, step * static_cast<double>(count), count, at::kFloat).cos().view(sizes);
}

std::vector<at::Tensor> predictions(const UNet& unet) {
  const std::vector<double> timesteps{900, 10.5};
  const TimeTable times = unet.times(timesteps);
  const Prompt prompt = unet.prompt(waves({1, 5, unet.config().context}, 0.7));
  Cost cost;
  std::vector<at::Tensor> all;
  for (std::size_t step = 0; step < timesteps.size(); ++step)
    all.push_back(unet.forward(waves({1, unet.config().in_channels, 8, 8}, 0.3), times, step, prompt, cost));
  return all;
}

std::shared_ptr<ActivationRanges> ranges_of(const fs::path& pipeline) {
  auto ranges = std::make_shared<ActivationRanges>();
  predictions(*UNet::load(pipeline / "unet", Kind::observed, ranges));
  return ranges;
}

bool same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return at::equal(a[0], b[0]) && at::equal(a[1], b[1]);
}

}  // namespace

TEST_CASE("a quantised pipeline's U-Net predicts what quantising while loading gives, bit for bit") {
  const PipelineFolder pipeline("quantised");
  const fs::path from = pipeline.write();
  dynexec_test::write_text((from / "text_encoder" / "merges.txt").string(), "a b\n");
  fs::create_directories(from / ".cache");
  const auto ranges = ranges_of(from);
  const auto exact = UNet::load(from / "unet");
  for (const Kind kind : {Kind::int8, Kind::int4}) {
    const dynexec_test::TempFolder out;
    const fs::path to = out.file("small");
    const QuantiseReport report = quantise_pipeline(from, to, kind, ranges, "abc");
    CHECK(report.matrices.size() == ranges->size());  // matrices as narrow as these stay
    CHECK(report.bytes_after < report.bytes_before);
    const auto stored = UNet::load(to / "unet"), learnt = UNet::load(from / "unet", kind, ranges);
    CHECK(stored->kind() == kind);
    CHECK(same(predictions(*stored), predictions(*learnt)));
    CHECK_FALSE(same(predictions(*stored), predictions(*exact)));
    CHECK(stored->parameters() == exact->parameters());
    const Pipeline whole = load_pipeline(to);
    CHECK(same(predictions(*whole.unet), predictions(*learnt)));
    CHECK(made_from(ModelFolder::open(to / "unet")) == "abc");
    CHECK(made_from(ModelFolder::open(from / "unet")).empty());
    for (const char* name : {"model_index.json", "vae/config.json", "text_encoder/merges.txt"})
      CHECK(dynexec_test::read_text((to / name).string()) == dynexec_test::read_text((from / name).string()));
    CHECK_FALSE(fs::exists(to / ".cache"));
    for (const auto& again : {std::function<void()>([&] { quantise_pipeline(to, out.file("x"), kind, ranges, ""); }),
                              std::function<void()>([&] { UNet::load(to / "unet", Kind::int8, ranges); }),
                              std::function<void()>([&] { UNet::load(to / "unet", Kind::observed, ranges); })}) {
      const Error error = error_of<Error>(again);
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.message().find("already") != std::string::npos);
    }
  }
  const Error overwritten = error_of<Error>([&] { quantise_pipeline(from, from, Kind::int8, ranges, ""); });
  CHECK(overwritten.message().find("overwritten") != std::string::npos);
  // Into the pipeline's own folder it does not copy itself.
  quantise_pipeline(from, from / "inside", Kind::int8, ranges, "");
  CHECK_FALSE(fs::exists(from / "inside" / "inside"));
}

TEST_CASE("quantised U-Nets that are broken are refused by name and with a remedy") {
  const PipelineFolder pipeline("broken");
  const fs::path from = pipeline.write();
  const auto ranges = ranges_of(from);
  const dynexec_test::TempFolder out;
  int count = 0;
  const auto refused = [&](const std::string& where, const std::string& what, const auto& change) {
    CAPTURE(what);
    const fs::path unet = fs::path(out.file(std::to_string(++count))) / "unet";
    quantise_pipeline(from, unet.parent_path(), Kind::int8, ranges, "");
    CHECK_NOTHROW(UNet::load(unet));
    change(unet);
    const Error error = error_of<Error>([&] { UNet::load(unet); });
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where().find(unet.string()) == 0);
    CHECK(error.where().find(where) != std::string::npos);
    CHECK(error.message().find(what) != std::string::npos);
    CHECK_FALSE(error.hint().empty());
  };
  const std::string conv = kConv, scales = conv + ".scales", factors = conv + ".input_factors",
                    range = conv + ".input_range";
  std::vector<float> held;  // read when the file is written
  const auto floats = [&](const std::string& name, std::vector<float> values) {
    return [&, name, values](const fs::path& unet) {
      held = values;
      change_tensors(unet, [&](Tensors& all) {
        REQUIRE(all[name].bytes.size() == 4 * held.size());
        all[name].bytes = std::as_bytes(std::span(held));
      });
    };
  };
  const auto tensors = [](const auto& change) {
    return [change](const fs::path& unet) { change_tensors(unet, change); };
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<std::int8_t> lowest(8 * 8 * 9, -128);
  refused(conv, "-128", tensors([&](Tensors& all) { all[conv].bytes = std::as_bytes(std::span(lowest)); }));
  refused(conv, "U8", tensors([&](Tensors& all) { all[conv].dtype = DType::u8; }));
  for (const std::string& name : {scales, factors, range}) {
    refused(name, "missing", tensors([&](Tensors& all) { all.erase(name); }));
    refused(name, "shape", tensors([&](Tensors& all) { all[name].shape.push_back(1); }));
    refused(name, "I32", tensors([&](Tensors& all) { all[name].dtype = DType::i32; }));
  }
  refused(scales, "not above 0", floats(scales, std::vector<float>(8, 0)));
  refused(factors, "not above 0", floats(factors, std::vector<float>(8, -1)));
  refused(factors, "not finite", floats(factors, std::vector<float>(8, kInfinity)));
  refused(range, "not finite", floats(range, {0, kInfinity}));
  refused(range, "0 is not within", floats(range, {1, 2}));
  refused(range, "0 is not within", floats(range, {1, -1}));
  refused("conv_in.weight.scales", "not part",
          tensors([&](Tensors& all) { all["conv_in.weight.scales"] = all[scales]; }));
  refused("format", "int8-g32", [](const fs::path& unet) {
    change_config(unet, [](auto& json) { json["quantization_config"]["format"] = "int8-g32"; });
  });
  refused("quant_method", "bitsandbytes", [](const fs::path& unet) {
    change_config(unet, [](auto& json) { json["quantization_config"]["quant_method"] = "bitsandbytes"; });
  });
}
