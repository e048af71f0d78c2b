#include "compress/quantise_cnn.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../base/temp_folder.hpp"
#include "../models/cnn_fixture.hpp"
#include "base/error.hpp"
#include "changed_folder.hpp"
#include "models/cnn_stored.hpp"
#include "models/exit_heads.hpp"

using namespace dynexec;
using dynexec_test::change_config;
using dynexec_test::change_tensors;
using dynexec_test::error_of;

namespace {

namespace fs = std::filesystem;
using Values = std::vector<float>;
using Tensors = std::map<std::string, TensorView>;

CnnRanges ranges_of(const ModelFolder& folder) {
  const auto network = Cnn::load(folder);
  CnnSession session(network);
  CnnRanges ranges;
  for (std::uint64_t i = 0; i < 12; ++i) {
    session.start(random_image(network->config().image_size, i));
    session.observe(ranges);
  }
  return ranges;
}

// Every unit's map, what its exit says and the network's answer, for some images.
Values outputs(const std::shared_ptr<const Cnn>& network, const ModelFolder& folder) {
  const std::vector<ExitPoint> exits = load_exit_heads(folder, *network);
  CnnSession session(network);
  Values all;
  for (std::uint64_t image = 20; image < 24; ++image) {
    session.start(random_image(network->config().image_size, image));
    for (std::size_t unit = 0; unit < network->units().size(); ++unit) {
      session.run_to(unit);
      const FeatureMap& map = session.features();
      for (std::int64_t y = 0; y < map.height(); ++y)
        all.insert(all.end(), map.at(y, 0), map.at(y, 0) + map.width() * map.channels());
      for (const ExitPoint& exit : exits)
        if (exit.unit == unit) {
          Values logits(static_cast<std::size_t>(network->config().classes));
          exit.head->classify(map, logits);
          all.insert(all.end(), logits.begin(), logits.end());
        }
    }
    const auto logits = session.logits();
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

// With projections, without weights in shortcuts, and a VGG; each with exits.
void each_network(const std::function<void(CnnFolder&, std::size_t quantised)>& check) {
  CnnFolder projections("projections"), padded("padded"), vgg("vgg");
  projections.resnet();
  padded.resnet();
  padded.config["shortcut"] = "pad";
  vgg.vgg();
  for (CnnFolder* folder : {&projections, &padded}) folder->linear_exits({1, 3}, {8, 16});
  vgg.linear_exits({0, 2}, {8, 16});
  check(projections, 7);
  check(padded, 6);
  check(vgg, 2);
}

// Stored in fp16 there, so that what stays can be told from what was written anew.
void halve(const fs::path& folder) {
  std::vector<std::vector<std::uint16_t>> halves;
  change_tensors(folder, [&](Tensors& tensors) {
    for (auto& [name, view] : tensors) {
      Values values(static_cast<std::size_t>(view.elements()));
      copy_as_f32(view, values);
      auto& bits = halves.emplace_back();
      for (const float value : values) bits.push_back(to_fp16(value));
      view.dtype = DType::f16;
    }
    std::size_t i = 0;
    for (auto& [name, view] : tensors) view.bytes = std::as_bytes(std::span(halves[i++]));
  });
}

}  // namespace

TEST_CASE("a folder of a vision network in int8 is what its ranges give while loading, bit for bit, its exits too") {
  each_network([](CnnFolder& model, std::size_t quantised) {
    halve(model.write());
    const ModelFolder from = ModelFolder::open(model.path());
    const dynexec_test::TempFolder out;
    const CnnRanges ranges = ranges_of(from);
    const QuantiseReport report = quantise_cnn(from, out.file("small"), ranges);
    CHECK(report.matrices.size() == quantised);
    CHECK(report.matrices.front().error < 0);
    CHECK(report.bytes_before == [&] {
      double elements = 0;
      for (const auto& [name, stored] : model.tensors) elements += static_cast<double>(stored.values.size());
      return 2 * elements;
    }());
    const ModelFolder small = ModelFolder::open(out.file("small"));
    CHECK(cnn_in_int8(small));
    CHECK_FALSE(cnn_in_int8(from));
    const auto stored = Cnn::load(small), learnt = Cnn::load(from, ranges);
    const Values found = outputs(stored, small);
    CHECK(found == outputs(learnt, from));
    CHECK(found != outputs(Cnn::load(from), from));
    CHECK(stored->parameters() == learnt->parameters());
    CHECK(stored->weight_bytes() == learnt->weight_bytes());
    CHECK(stored->macs() == learnt->macs());
    // The rest is as it was.
    std::size_t same = 0;
    for (const std::string& name : from.tensor_names()) {
      const TensorView before = *from.find(name), after = *small.find(name);
      const bool kept = before.dtype == after.dtype;
      CHECK(kept != std::any_of(report.matrices.begin(), report.matrices.end(),
                                [&](const QuantisedMatrix& matrix) { return matrix.name == name; }));
      same += kept && std::equal(before.bytes.begin(), before.bytes.end(), after.bytes.begin(), after.bytes.end());
    }
    CHECK(same + quantised == from.tensor_names().size());
    CHECK(small.tensor_names().size() == from.tensor_names().size() + quantised + 1);
    CHECK(static_cast<double>(fs::file_size(fs::path(out.file("small")) / "model.safetensors")) == report.bytes_after);
  });
}

TEST_CASE("names with the prefix of a checkpoint, and other files, come along") {
  CnnFolder model;
  model.vgg();
  std::map<std::string, CnnFolder::Stored> tensors;
  for (const auto& [name, stored] : model.tensors) tensors["model." + name] = stored;
  model.tensors = tensors;
  const fs::path path = model.write();
  dynexec_test::write_text((path / "preprocessor_config.json").string(), "{\"do_resize\": true}");
  dynexec_test::write_text((path / "model.safetensors.index.json").string(), "{}");
  const ModelFolder from = ModelFolder::open(path);
  const dynexec_test::TempFolder out;
  const CnnRanges ranges = ranges_of(from);
  const QuantiseReport report = quantise_cnn(from, out.file("small"), ranges);
  CHECK(report.matrices.front().name == "model.features.4.weight");
  const ModelFolder small = ModelFolder::open(out.file("small"));
  CHECK(outputs(Cnn::load(small), small) == outputs(Cnn::load(from, ranges), from));
  CHECK(fs::exists(out.file("small/preprocessor_config.json")));
  CHECK_FALSE(fs::exists(out.file("small/model.safetensors.index.json")));
}

TEST_CASE("ranges of maps of nothing but zeros can be stored, ranges that are none cannot") {
  CnnFolder model;
  model.vgg();
  const ModelFolder from = ModelFolder::open(model.write());
  const dynexec_test::TempFolder out;
  CnnRanges ranges = ranges_of(from);
  ranges[1] = ranges[2] = 0;
  quantise_cnn(from, out.file("dark"), ranges);
  const ModelFolder dark = ModelFolder::open(out.file("dark"));
  CHECK(outputs(Cnn::load(dark), dark) == outputs(Cnn::load(from, ranges), from));
  ranges[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK(error_of<Error>([&] { quantise_cnn(from, out.file("x"), ranges); }).kind() == ErrorKind::model);
  CHECK_FALSE(fs::exists(out.file("x")));
}

TEST_CASE("vision networks that cannot be quantised are told") {
  CnnFolder model;
  model.vgg();
  const fs::path path = model.write();
  const ModelFolder from = ModelFolder::open(path);
  const CnnRanges ranges = ranges_of(from);
  const dynexec_test::TempFolder out;
  quantise_cnn(from, out.file("small"), ranges);
  const ModelFolder small = ModelFolder::open(out.file("small"));
  for (const auto& again : {std::function<void()>([&] { quantise_cnn(small, out.file("x"), ranges); }),
                            std::function<void()>([&] { Cnn::load(small, ranges); })}) {
    const Error error = error_of<Error>(again);
    CHECK(error.kind() == ErrorKind::config);
    CHECK(error.message().find("already") != std::string::npos);
  }
  const Error same = error_of<Error>([&] { quantise_cnn(from, path, ranges); });
  CHECK(same.message().find("overwritten") != std::string::npos);
  change_config(path, [](auto& config) { config["model_type"] = "llama"; });
  CHECK(error_of<Error>([&] { quantise_cnn(ModelFolder::open(path), out.file("x"), ranges); }).kind() ==
        ErrorKind::model);
}

TEST_CASE("quantised folders of vision networks that are broken are refused by name and with a remedy") {
  CnnFolder model;
  model.resnet();
  const ModelFolder from = ModelFolder::open(model.write());
  const dynexec_test::TempFolder out;
  const CnnRanges ranges = ranges_of(from);
  int count = 0;
  const auto refused = [&](const std::string& where, const std::string& what, const auto& change) {
    CAPTURE(what);
    const fs::path folder = out.file(std::to_string(++count));
    quantise_cnn(from, folder, ranges);
    CHECK_NOTHROW(Cnn::load(folder));
    change(folder);
    const Error error = error_of<Error>([&] { Cnn::load(folder); });
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where().find(folder.string()) == 0);
    CHECK(error.where().find(where) != std::string::npos);
    CHECK(error.message().find(what) != std::string::npos);
    CHECK_FALSE(error.hint().empty());
  };
  const auto tensors = [](const auto& change) {
    return [change](const fs::path& folder) { change_tensors(folder, change); };
  };
  const auto config = [](const char* key, const nlohmann::json& value) {
    return [key, value](const fs::path& folder) {
      change_config(folder, [&](auto& json) { json["quantization_config"][key] = value; });
    };
  };
  const std::string kernel = "layer2.0.conv2.weight", scales = kernel + ".scales";
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  static std::vector<std::int8_t> codes(16 * 16 * 9, 5);
  codes[100] = -128;
  static Values floats(16, 1), range(ranges);
  const auto with = [&](Values& values, std::size_t at, float value) {
    return [&values, at, value](TensorView& view) {
      static Values held;  // read when the file is written
      held = values;
      held[at] = value;
      view.bytes = std::as_bytes(std::span(held));
    };
  };
  refused(kernel, "-128", tensors([&](Tensors& all) { all[kernel].bytes = std::as_bytes(std::span(codes)); }));
  refused(kernel, "F32", tensors([&](Tensors& all) { all[kernel] = *from.find(kernel); }));
  refused(kernel, "shape", tensors([&](Tensors& all) { all[kernel].shape = {16, 16, 9, 1}; }));
  refused(kernel, "missing", tensors([&](Tensors& all) { all.erase(kernel); }));
  refused(scales, "missing", tensors([&](Tensors& all) { all.erase(scales); }));
  refused(scales, "shape", tensors([&](Tensors& all) { all[scales].shape = {4, 4}; }));
  refused(scales, "I32", tensors([&](Tensors& all) { all[scales].dtype = DType::i32; }));
  refused(scales, "channel 3 is 0", tensors([&](Tensors& all) { with(floats, 3, 0)(all[scales]); }));
  refused(scales, "channel 3 is -1", tensors([&](Tensors& all) { with(floats, 3, -1)(all[scales]); }));
  refused(scales, "finite", tensors([&](Tensors& all) { with(floats, 3, kInfinity)(all[scales]); }));
  refused(kCnnRanges, "missing", tensors([&](Tensors& all) { all.erase(kCnnRanges); }));
  refused(kCnnRanges, "shape", tensors([&](Tensors& all) {
            all[kCnnRanges].shape = {6};
            all[kCnnRanges].bytes = all[kCnnRanges].bytes.first(24);
          }));
  refused(kCnnRanges, "layer 2 is -1", tensors([&](Tensors& all) { with(range, 2, -1)(all[kCnnRanges]); }));
  refused(kCnnRanges, "finite", tensors([&](Tensors& all) { with(range, 2, std::nanf(""))(all[kCnnRanges]); }));
  refused("quant_method", "gptq", config("quant_method", "gptq"));
  refused("quant_method", "''", config("quant_method", nullptr));
  refused("format", "int4-g32", config("format", "int4-g32"));
  refused("format", "", config("format", 8));
  refused("quantization_config", "", [](const fs::path& folder) {
    change_config(folder, [](auto& json) { json["quantization_config"] = "int8"; });
  });
}

TEST_CASE("codes where a vision network has plain numbers are refused") {
  CnnFolder model;
  model.resnet();
  const ModelFolder from = ModelFolder::open(model.write());
  const dynexec_test::TempFolder out;
  const auto refused = [&](const char* tensor, const auto& change) {
    const fs::path folder = out.file(tensor);
    quantise_cnn(from, folder, ranges_of(from));
    change(folder);
    const Error error = error_of<Error>([&] { Cnn::load(folder); });
    CHECK(error.kind() == ErrorKind::model);
    CHECK(error.where().find(tensor) != std::string::npos);
  };
  refused("conv1.weight", [](const fs::path& folder) {
    change_tensors(folder, [](Tensors& all) {
      TensorView& first = all["conv1.weight"];
      first.dtype = DType::i8;
      first.bytes = first.bytes.first(8 * 3 * 9);
    });
  });
  refused("layer1.0.conv1.weight", [](const fs::path& folder) {  // nobody says that they are codes
    change_config(folder, [](auto& json) { json.erase("quantization_config"); });
  });
}
