// What becomes of the layers of a checkpoint.
#include "models/diffusion/layer_plan.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.hpp"
#include "models/diffusion/stored_layers.hpp"
#include "models/diffusion/tensor_source.hpp"
#include "models/stored_weights.hpp"
#include "weights/safetensors.hpp"

using namespace dynexec;
using diffusers::Dense;
using diffusers::FolderSource;
using diffusers::LayerPlan;

namespace {

// A wide matrix, a wide one by the name of an exception, and a narrow one.
class Matrices {
 public:
  Matrices() : path_(std::filesystem::temp_directory_path() / ("dynexec-plan-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    const std::vector<float> values(128 * 64, 0.5f);
    const auto view = [&](const std::string& name, std::int64_t out) {
      return TensorView{
          name, DType::f32, {out, 64}, std::as_bytes(std::span(values).first(static_cast<std::size_t>(out * 64)))};
    };
    const std::vector<TensorView> views{view("wide.weight", 128), view("time_wide.weight", 128),
                                        view("narrow.weight", 64)};
    write_safetensors(path_ / "model.safetensors", views, {});
    std::ofstream(path_ / "config.json") << "{}";
  }
  ~Matrices() { std::filesystem::remove_all(path_); }
  Matrices(const Matrices&) = delete;
  Matrices& operator=(const Matrices&) = delete;

  const std::filesystem::path& path() const { return path_; }

  Dense take(LayerPlan::Kind kind, const std::string& name, std::int64_t out) const {
    const ModelFolder folder = ModelFolder::open(path_);
    return FolderSource(folder, {.kind = kind, .ranges = nullptr, .exceptions = {"time"}}).dense(name, out, 64, false);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("wide matrices get the plan's format, exceptions and narrow ones stay fp32") {
  const Matrices matrices;
  const std::vector<std::pair<LayerPlan::Kind, std::string>> formats{{LayerPlan::Kind::fp32, "fp32"},
                                                                     {LayerPlan::Kind::observed, "fp32"},
                                                                     {LayerPlan::Kind::int8, "int8-a8"},
                                                                     {LayerPlan::Kind::int4, "int4-g32-a8"}};
  double before = 1e9;
  for (const auto& [kind, format] : formats) {
    const Dense wide = matrices.take(kind, "wide", 128);
    CHECK(wide.packed->format() == format);
    CHECK(wide.packed_bytes <= before);
    before = wide.packed_bytes;
    CHECK(matrices.take(kind, "time_wide", 128).packed->format() == "fp32");
    CHECK(matrices.take(kind, "narrow", 64).packed->format() == "fp32");
  }
  // 4 bits a weight, a scale and a minimum of 16 bits each for 32 of them.
  CHECK(before == 128 * 64 * 5 / 8);
}

TEST_CASE("matrices are read as a plan noted them, and refused where they are damaged") {
  const Matrices matrices;
  const ModelFolder plain = ModelFolder::open(matrices.path());
  for (const LayerPlan::Kind kind : {LayerPlan::Kind::int8, LayerPlan::Kind::int4}) {
    const bool nibbles = kind == LayerPlan::Kind::int4;
    const auto made = std::make_shared<diffusers::QuantisedLayers>();
    (void)FolderSource(plain, {.kind = kind, .made = made}).dense("wide", 128, 64, false);
    (void)FolderSource(plain, {.kind = kind, .made = made}).dense("narrow", 64, 64, false);
    REQUIRE(made->matrices.size() == 1);
    // Writes the matrix, changed, beside the config; what loading it says.
    const std::filesystem::path path = matrices.path() / "stored";
    std::filesystem::create_directories(path);
    std::ofstream(path / "config.json") << "{}";
    const auto read = [&](const auto& change) {
      StoredMatrix matrix = made->matrices.at("wide.weight");
      change(matrix);
      const StoredTensors tensors("wide.weight", matrix);
      write_safetensors(path / "model.safetensors", tensors.views, {});
      const ModelFolder folder = ModelFolder::open(path);
      FolderSource source(folder, {.kind = kind, .stored = true});
      const Dense dense = source.dense("wide", 128, 64, false);
      CHECK(source.parameters() == 128 * 64);
      source.refuse_rest({});
      return dense;
    };
    const Dense stored = read([](StoredMatrix&) {}), learnt = matrices.take(kind, "wide", 128);
    CHECK(stored.packed->format() == learnt.packed->format());
    CHECK(stored.packed_bytes == learnt.packed_bytes);
    std::vector<float> x(64), a(128), b(128);
    for (std::size_t i = 0; i < 64; ++i) x[i] = static_cast<float>(i % 7) - 3;
    stored.packed->forward(x.data(), a.data(), 1);
    learnt.packed->forward(x.data(), b.data(), 1);
    CHECK(a == b);
    const auto refused = [&](const std::string& where, const auto& change) {
      try {
        read(change);
        FAIL("accepted");
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::model);
        CHECK(error.where().ends_with(where));
      }
    };
    refused("wide.weight.scales", [](StoredMatrix& matrix) { matrix.scales[5] = -1; });
    if (!nibbles) refused("wide.weight", [](StoredMatrix& matrix) { matrix.codes[77] = -128; });
    const ModelFolder without = plain;
    FolderSource source(without, {.kind = kind, .stored = true});
    try {
      source.dense("wide", 128, 64, false);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.where().ends_with("wide.weight"));
      CHECK_FALSE(error.hint().empty());
    }
  }
}
