#include "weights/model_folder.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "tests/unit/weights/scratch_folder.hpp"

using namespace dynexec;
using test::safetensors_bytes;
using test::ScratchFolder;

namespace {

std::string one_tensor(const std::string& name) {
  return safetensors_bytes("{\"" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234");
}

// "message | hint" of the refusal, "" when the folder opens.
std::string refusal(const ScratchFolder& folder) {
  try {
    ModelFolder::open(folder.path());
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return error.message() + " | " + error.hint();
  }
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write_sharded(const ScratchFolder& folder, const std::string& index) {
  folder.write("config.json", "{}");
  folder.write("one.safetensors", one_tensor("a"));
  folder.write("two.safetensors", one_tensor("b"));
  folder.write("model.safetensors.index.json", index);
}

}  // namespace

TEST_CASE("a folder with one file opens") {
  const ScratchFolder folder;
  folder.write("config.json", R"({"model_type":"llama"})");
  folder.write("model.safetensors", one_tensor("model.norm.weight"));
  const ModelFolder model = ModelFolder::open(folder.path());
  CHECK(model.config().at("model_type") == "llama");
  CHECK(model.generation_config().is_object());
  CHECK(model.tensor_names() == std::vector<std::string>{"model.norm.weight"});
  CHECK(model.sha256() == sha256_hex(sha256_hex(one_tensor("model.norm.weight")) + "  model.safetensors\n"));
  const ModelFolder copy = model;
  CHECK(copy.require("model.norm.weight", {1}).bytes.size() == 4);
}

TEST_CASE("weights may have transformers' or diffusers' name and be a half-precision variant") {
  for (const char* stem : {"model", "diffusion_pytorch_model", "model.fp16", "diffusion_pytorch_model.fp16"}) {
    const ScratchFolder folder;
    folder.write("config.json", "{}");
    folder.write(std::string(stem) + ".safetensors", one_tensor("a"));
    CHECK(ModelFolder::open(folder.path()).find("a").has_value());
    // The full precision is read where both are there.
    folder.write("model.safetensors", one_tensor("b"));
    CHECK(ModelFolder::open(folder.path()).find("b").has_value());
  }
}

TEST_CASE("a prefix may be missing or present in the file") {
  const ScratchFolder folder;
  folder.write("config.json", "{}");
  folder.write("model.safetensors", one_tensor("model.norm.weight"));
  const ModelFolder prefixed = ModelFolder::open(folder.path());
  CHECK(prefixed.find("model.norm.weight").has_value());
  CHECK(prefixed.find("norm.weight").has_value());
  CHECK(!prefixed.find("transformer.model.norm").has_value());
  folder.write("model.safetensors", one_tensor("h.0.ln_1.weight"));
  const ModelFolder bare = ModelFolder::open(folder.path());
  CHECK(bare.find("transformer.h.0.ln_1.weight").has_value());
  CHECK(!bare.find("h.0.ln_2.weight").has_value());
}

TEST_CASE("require names tensor, shapes and the nearest name") {
  const ScratchFolder folder;
  folder.write("config.json", "{}");
  folder.write("model.safetensors", one_tensor("model.norm.weight"));
  const ModelFolder model = ModelFolder::open(folder.path());
  CHECK_THROWS_WITH_AS(model.require("model.norm.weight", {2, 3}),
                       doctest::Contains("[1], config.json asks for [2, 3]"), Error);
  try {
    model.require("model.norm.weigth", {1});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(mentions(error.message(), "'model.norm.weigth' [1] is missing"));
    CHECK(mentions(error.hint(), "model.norm.weight"));
  }
}

TEST_CASE("what is missing is named with its remedy") {
  const ScratchFolder folder;
  CHECK(mentions(refusal(folder), "no config.json"));
  folder.write("config.json", "{}");
  CHECK(mentions(refusal(folder), "no model.safetensors"));
  folder.write("pytorch_model.bin", "x");
  CHECK(mentions(refusal(folder), "pytorch_model.bin is a pickle"));
  CHECK(mentions(refusal(folder), "scripts/convert.py"));
  folder.write("adapter_model.safetensors", "x");
  CHECK(mentions(refusal(folder), "adapter"));
  folder.write("config.json", "[1]");
  CHECK(mentions(refusal(folder), "array"));
  CHECK_THROWS_AS(ModelFolder::open(folder / "config.json"), Error);
  CHECK_THROWS_AS(ModelFolder::open(folder / "absent"), Error);
}

TEST_CASE("shards with an index open as one") {
  const ScratchFolder folder;
  write_sharded(folder,
                R"({"metadata":{"total_size":8.0},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const ModelFolder model = ModelFolder::open(folder.path());
  CHECK(model.tensor_names() == std::vector<std::string>{"a", "b"});
  CHECK(model.sha256().size() == 64);
}

TEST_CASE("index and shards must agree") {
  const ScratchFolder folder;
  const auto with = [&](const std::string& map) {
    write_sharded(folder, R"({"weight_map":)" + map + "}");
    return refusal(folder);
  };
  CHECK(mentions(with(R"({"a":"one.safetensors","b":"three.safetensors"})"), "shard three.safetensors is missing"));
  CHECK(mentions(with(R"({"a":"one.safetensors","b":"one.safetensors"})"),
                 "'b' in one.safetensors, which does not hold"));
  CHECK(mentions(with(R"({"a":"two.safetensors","b":"two.safetensors"})"), "which does not hold"));
  CHECK(mentions(with(R"({"b":"one.safetensors","c":"two.safetensors"})"), "which weight_map"));
  CHECK(mentions(with(R"({"a":7})"), "not a file name"));
  CHECK(mentions(with("{}"), "empty"));
  CHECK(mentions(with("[]"), "not an object"));
  for (const char* name :
       {"../one.safetensors", "/etc/one.safetensors", "sub/../../one.safetensors", "..", "", "one"}) {
    CHECK(mentions(with(std::string(R"({"a":")") + name + R"("})"), "inside the folder"));
  }
}

TEST_CASE("a nonsensical total_size is refused") {
  const ScratchFolder folder;
  for (const char* size : {"-1", "\"8\"", "[]"}) {
    write_sharded(folder,
                  std::string(R"({"metadata":{"total_size":)") + size + R"(},"weight_map":{"a":"one.safetensors"}})");
    CHECK(mentions(refusal(folder), "total_size"));
  }
}
