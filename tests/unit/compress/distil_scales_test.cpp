#include "compress/distil_scales.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linspace.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "../base/temp_folder.hpp"
#include "../models/encoder_fixture.hpp"
#include "base/error.hpp"
#include "compress/input_moments.hpp"
#include "compress/quantise.hpp"
#include "compress/quantised_tensor.hpp"
#include "models/decoder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace dynexec;
using dynexec::testing::TinyModel;
using dynexec::testing::TinyModelFolder;

namespace {

using Matrices = std::map<std::string, StoredMatrix>;

const TinyModel kShape{
    .vocab = 40, .hidden = 64, .layers = 2, .heads = 4, .kv_heads = 2, .intermediate = 90, .seed = 3, .scale = 0.15};

StoredMatrix random_matrix(const char* format, std::int64_t out, std::int64_t in) {
  RandomStream random(4, 0, 0, 0);
  std::vector<float> values(static_cast<std::size_t>(out * in));
  for (float& value : values) value = static_cast<float>(random.normal());
  return round_to_nearest(std::span<const float>(values), out, in, weight_format(format));
}

Matrices rounded(const TinyModelFolder& model, const char* format) {
  const ModelFolder folder = ModelFolder::open(model.path());
  Matrices matrices;
  for (const std::string& name : folder.tensor_names()) {
    if (name.find("proj") == std::string::npos) continue;
    const TensorView view = *folder.find(name);
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    copy_as_f32(view, values);
    matrices.emplace(
        name, round_to_nearest(std::span<const float>(values), view.shape[0], view.shape[1], weight_format(format)));
  }
  return matrices;
}

bool same(const Matrices& a, const Matrices& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.codes == y.second.codes && x.second.scales == y.second.scales &&
           x.second.minima == y.second.minima;
  });
}

}  // namespace

TEST_CASE("a matrix that was not trained is the one that was given, also with a last group that is not full") {
  for (const char* format : {"int8", "int8-g32", "int4-g32", "int4-g64", "int4-g128"}) {
    INFO(std::string(format));
    const StoredMatrix matrix = random_matrix(format, 6, 75);
    const QuantisedTensor tensor(matrix);
    const at::Tensor weight = tensor.weight();
    CHECK(weight.requires_grad());
    const at::Tensor wanted = as_matrix(matrix);
    for (std::int64_t i = 0; i < weight.numel(); ++i)
      REQUIRE(weight.const_data_ptr<float>()[i] == doctest::Approx(wanted.const_data_ptr<double>()[i]).epsilon(1e-5));
    const StoredMatrix stored = tensor.stored(matrix);
    CHECK(stored.codes == matrix.codes);
    CHECK(stored.scales == matrix.scales);
    CHECK(stored.minima == matrix.minima);
    CHECK(tensor.parameters().size() == (matrix.minima.empty() ? 1 : 2));
  }
}

TEST_CASE("gradients of scales and offsets are those that differences tell") {
  for (const char* format : {"int8", "int8-g32", "int4-g32", "int4-g64"}) {
    INFO(std::string(format));
    const StoredMatrix matrix = random_matrix(format, 3, 75);
    const QuantisedTensor tensor(matrix);
    // A loss that is linear in the weights: its gradient is `slope`.
    const at::Tensor slope = at::linspace(-1, 2, 3 * 75).view({3, 75});
    const auto loss = [&] { return (tensor.weight() * slope).sum().item<double>(); };
    const std::vector<at::Tensor> gradients = tensor.gradients(slope);
    REQUIRE(gradients.size() == tensor.parameters().size());
    for (std::size_t p = 0; p < gradients.size(); ++p) {
      const at::Tensor flat = tensor.parameters()[p].view({-1}), gradient = gradients[p].reshape({-1});
      for (std::int64_t i = 0; i < flat.numel(); ++i) {
        const double before = loss();
        flat[i].fill_(0.5);
        CHECK(loss() - before == doctest::Approx(gradient[i].item<double>() / 2).epsilon(1e-3));
        flat[i].fill_(0);
      }
    }
  }
}

TEST_CASE("what a network says comes nearer to what it said before, on texts that it was not fitted to") {
  const TinyModelFolder model(kShape);
  const ModelFolder folder = ModelFolder::open(model.path());
  const auto texts = own_texts(folder, 48, 24, 1);
  for (const char* format : {"int4-g32", "int4-g64"}) {
    INFO(std::string(format));
    const Matrices first = rounded(model, format);
    Matrices matrices = first;
    std::vector<std::int64_t> steps;
    const DistilOptions options{.steps = 30};
    const DistilReport report =
        distil_scales(folder, texts, options, matrices, [&](std::int64_t done, std::int64_t of) {
          steps.push_back(done);
          CHECK(of == 30);
        });
    MESSAGE("divergence ", report.after, ", before ", report.before);
    CHECK(report.kept);
    CHECK(report.texts == 6);
    CHECK(report.after < 0.8 * report.before);
    CHECK(steps.size() == 30);
    CHECK(!same(first, matrices));
    for (const auto& [name, matrix] : matrices) {
      CHECK(matrix.codes == first.at(name).codes);
      CHECK(matrix.format == first.at(name).format);
    }
    Matrices again = first;
    CHECK(distil_scales(folder, texts, options, again).after == report.after);
    CHECK(same(again, matrices));
    // What the report says is what the matrices do.
    const DistilReport next = distil_scales(folder, texts, {.steps = 0}, again);
    CHECK(next.before == report.after);
  }
}

TEST_CASE("scales that training has spoilt are not kept") {
  const TinyModelFolder model(kShape);
  const ModelFolder folder = ModelFolder::open(model.path());
  const Matrices first = rounded(model, "int4-g32");
  Matrices matrices = first;
  const DistilReport report = distil_scales(folder, own_texts(folder, 16, 24, 1), {.steps = 5, .rate = 0.9}, matrices);
  CHECK(!report.kept);
  CHECK(!(report.after < report.before));
  CHECK(same(first, matrices));
}

TEST_CASE("a folder is written with the fitted scales, and bad input is refused before anything is written") {
  const TinyModelFolder model(kShape);
  const ModelFolder folder = ModelFolder::open(model.path());
  const dynexec_test::TempFolder out;
  QuantiseOptions options{.formats = weight_format("int4-g32"), .texts = own_texts(folder, 24, 24, 1)};
  options.distil.steps = 10;
  const QuantiseReport report = quantise_folder(folder, out.file("fitted"), options, nullptr);
  REQUIRE(report.distil.has_value());
  CHECK(report.distil->kept);
  const auto logits = [&](const std::shared_ptr<const Decoder>& decoder) {
    DecoderSession session(decoder, 24);
    const auto values = session.forward(options.texts.front(), 1);
    return std::vector<float>(values.begin(), values.end());
  };
  const auto fitted = Decoder::load(std::filesystem::path(out.file("fitted")));
  CHECK(logits(fitted) != logits(Decoder::load(folder, {.layers = options.formats, .head = {}})));

  options.texts.resize(1);
  CHECK_THROWS_AS(quantise_folder(folder, out.file("few"), options, nullptr), Error);
  CHECK(!std::filesystem::exists(out.file("few")));
  EncoderFolder encoder;
  encoder.bert();
  options.texts = {{1, 2, 3}, {1, 2}};
  const ModelFolder bert = ModelFolder::open(encoder.write());
  CHECK_THROWS_AS(quantise_folder(bert, out.file("encoder"), options, nullptr), Error);
  CHECK(!std::filesystem::exists(out.file("encoder")));
}
