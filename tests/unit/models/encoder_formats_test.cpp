#include <algorithm>
#include <cmath>

#include "../base/temp_folder.hpp"
#include "encoder_fixture.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"

using namespace dynexec;

namespace {

using Values = std::vector<float>;

// Makes the layers' matrices what the format holds of them.
void round_layers(EncoderFolder& folder, const LayerFormats& formats) {
  for (auto& [name, tensor] : folder.tensors) {
    if (tensor.shape.size() != 2 || name.find("layer.") == std::string::npos) continue;
    const StoredMatrix stored = round_to_nearest(tensor.values, tensor.shape[0], tensor.shape[1], formats.of(name));
    const auto width = static_cast<std::size_t>(stored.in);
    for (std::int64_t n = 0; n < stored.out; ++n)
      stored.row(n, std::span(tensor.values).subspan(static_cast<std::size_t>(n) * width, width));
  }
}

// All states and the answer of a text.
Values outputs(EncoderSession& session, const std::vector<std::int32_t>& ids) {
  session.start(ids);
  session.run_to(2);
  const std::span<const float> states = session.states(0);
  Values all(states.begin(), states.end());
  const std::span<const float> logits = session.logits();
  all.insert(all.end(), logits.begin(), logits.end());
  return all;
}

std::vector<LayerFormats> formats_with_mixes() {
  std::vector<LayerFormats> all;
  for (const std::string& name : weight_format_names()) all.emplace_back(weight_format(name));
  for (const char* mix : {"int4-g32+value=int8+output.dense=int8", "int8-a8+self.query=bf16+layer.1=int4-g32-a8"})
    all.push_back(LayerFormats::parse(mix));
  return all;
}

double norm(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i] - b[i]), 2);
  return std::sqrt(sum);
}

// Relative to the outputs.
double distance(const Values& a, const Values& b) {
  return norm(a, b) / norm(b, Values(b.size()));
}

}  // namespace

TEST_CASE("an encoder in another weight format computes with its rounded weights") {
  EncoderFolder folder;
  folder.bert();
  const std::vector<std::int32_t> ids = random_ids(23, 1);
  const auto exact = Encoder::load(folder.write());
  CHECK(exact->formats() == WeightFormat{});
  EncoderSession exact_session(exact);
  const Values unrounded = outputs(exact_session, ids);
  for (const LayerFormats& format : formats_with_mixes()) {
    INFO(format.name());
    const auto encoder = Encoder::load(folder.write(), format);
    EncoderFolder rounded("rounded");
    rounded.bert();
    round_layers(rounded, format);
    EncoderSession session(encoder), wanted_session(Encoder::load(rounded.write()));
    CHECK(encoder->formats() == format);
    CHECK(encoder->parameters() == exact->parameters());
    const Values found = outputs(session, ids), wanted = outputs(wanted_session, ids);
    // Inputs may be rounded, too; tests of the kernels say how.
    CHECK(distance(found, wanted) < (format.rounded_inputs() ? 0.05 : 1e-5));
    const double loss = distance(found, unrounded);
    if (format == WeightFormat{})
      CHECK(found == unrounded);
    else
      CHECK(loss > 1e-5);
    const std::vector<WeightFormat> used = format.all();
    const bool narrow =
        std::any_of(used.begin(), used.end(), [](const WeightFormat& f) { return f.type == WeightType::int4; });
    CHECK(loss < (narrow ? 0.3 : 0.05));
  }
}

TEST_CASE("what a pass reads is what the format stores") {
  EncoderFolder folder;
  folder.bert();
  const ModelFolder written = ModelFolder::open(folder.write());
  const std::vector<std::int32_t> ids = random_ids(10, 1);
  const auto exact = Encoder::load(written);
  EncoderSession exact_session(exact);
  outputs(exact_session, ids);
  const auto matrix_bits = [](const WeightFormat& format) {
    return 128 * 32 * format.bits_per_weight(32) + 56 * 32 * format.bits_per_weight(32) +
           32 * 56 * format.bits_per_weight(56);
  };
  for (const std::string& name : weight_format_names()) {
    CAPTURE(name);
    const WeightFormat format = weight_format(name);
    const auto encoder = Encoder::load(written, format);
    EncoderSession session(encoder);
    outputs(session, ids);
    CHECK(session.cost().macs == exact_session.cost().macs);
    CHECK(session.cost().weight_bytes == encoder->weight_bytes());
    const double saved = exact->weight_bytes() - encoder->weight_bytes();
    CHECK(exact->memory_bytes() - encoder->memory_bytes() == saved);
    // Kernels pad columns to whole panels.
    CHECK(saved == doctest::Approx(3 * (matrix_bits({}) - matrix_bits(format)) / 8).epsilon(0.05));
  }
}

TEST_CASE("in every weight format a text's answer is bitwise the same beside others and on any number of threads") {
  EncoderFolder folder;
  folder.bert();
  const ModelFolder written = ModelFolder::open(folder.write());
  const std::vector<std::vector<std::int32_t>> texts{random_ids(5, 1), random_ids(40, 2), random_ids(1, 3),
                                                     random_ids(23, 4)};
  const std::vector<std::span<const std::int32_t>> views(texts.begin(), texts.end());
  for (const std::string& branch : kernel_branches()) {
    select_kernel_branch(branch);
    for (const LayerFormats& formats : formats_with_mixes()) {
      INFO(branch, ", ", formats.name());
      const auto encoder = Encoder::load(written, formats);
      EncoderSession one(encoder), all(encoder, texts.size());
      set_compute_threads(1);
      Values alone;
      for (const auto& text : texts) {
        one.start(text);
        one.run_to(2);
        const std::span<const float> logits = one.logits();
        alone.insert(alone.end(), logits.begin(), logits.end());
      }
      for (const int threads : {1, 3}) {
        set_compute_threads(threads);
        all.start(views);
        all.run_to(2);
        const std::span<const float> together = all.logits();
        CHECK(std::equal(alone.begin(), alone.end(), together.begin(), together.end()));
      }
    }
  }
  set_compute_threads(1);
  select_kernel_branch(kernel_branches().front());
}

TEST_CASE("formats of matrices that an encoder has not are refused") {
  EncoderFolder folder;
  folder.bert();
  const auto path = folder.write();
  const Error error =
      dynexec_test::error_of<Error>([&] { Encoder::load(path, LayerFormats::parse("int8+v_proj=bf16+quer=bf16")); });
  CHECK(error.kind() == ErrorKind::config);
  CHECK(error.where() == path.string());
  CHECK(error.message().find("'v_proj'") != std::string::npos);
  CHECK(dynexec_test::error_of<Error>([&] { Encoder::load(path, LayerFormats::parse("int8+quer=bf16")); }).hint() ==
        "did you mean query?");
}
