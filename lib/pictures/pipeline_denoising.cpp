#include "pictures/pipeline_denoising.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "pictures/checks.hpp"

namespace dynexec {
namespace {

using diffusers::Prompt;
using diffusers::PromptKeys;

at::Tensor index_of(const std::vector<std::int64_t>& rows) {
  return at::tensor(rows, at::kLong);
}

Prompt rows_of(const Prompt& prompt, const at::Tensor& rows) {
  Prompt result{.rows = rows.numel()};
  for (const PromptKeys& layer : prompt.keys)
    result.keys.push_back({at::index_select(layer.key, 0, rows), at::index_select(layer.value, 0, rows)});
  return result;
}

// `first`, then `count` times the one row of `second`.
Prompt join(const Prompt& first, const Prompt& second, std::int64_t count) {
  const auto joined = [&](const at::Tensor& a, const at::Tensor& b) {
    return at::cat({a, b.expand({count, b.size(1), b.size(2), b.size(3)})}, 0);
  };
  Prompt result{.rows = first.rows + count};
  for (std::size_t i = 0; i < first.keys.size(); ++i)
    result.keys.push_back(
        {joined(first.keys[i].key, second.keys[i].key), joined(first.keys[i].value, second.keys[i].value)});
  return result;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0, first = 0, second = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    product += x * y;
    first += x * x;
    second += y * y;
  }
  const double size = std::sqrt(first * second);
  return size > 0 ? product / size : 1;
}

}  // namespace

PipelineDenoising::PipelineDenoising(PipelineStart start, const PictureRequest& request, const ImageShape& shape)
    : unet_(std::move(start.unet)), times_(std::move(start.times)), request_(request), shape_(shape) {
  const c10::InferenceMode guard;
  const auto total = static_cast<std::int64_t>(request.rows);
  const bool guided = request.guidance != 1;
  if (start.prompt.keys.empty()) {
    texts_.rows = total;
  } else {
    texts_ = start.prompt.part(0, total);
    if (guided) negative_ = start.prompt.part(total, 1);
  }
  Row row{.guided = guided};
  row.cost.macs = start.cost.macs / static_cast<double>(request.rows);
  row.cost.weight_bytes = start.cost.weight_bytes / static_cast<double>(request.rows);
  rows_.assign(request.rows, row);
  input_ = at::empty({guided ? 2 * total : total, shape.channels, shape.height, shape.width},
                     at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
  if (request.cache_branch >= 0) kept_.branch = static_cast<std::size_t>(request.cache_branch);
}

void PipelineDenoising::evaluate(std::size_t evaluation, std::span<const float> input, const EvaluationMode& mode,
                                 std::span<float> output) {
  const c10::InferenceMode guard;
  require_evaluation(request_, rows(), shape_.elements(), evaluation, input, output);
  if (mode.reuse && !kept_.map.defined())
    throw Error(ErrorKind::internal, "no features were kept to reuse", "denoising", "");
  const Batch& now = batch(mode.guided);
  const at::Tensor sample = fill_input(input, now);
  const auto features = mode.reuse ? features_of(now) : std::nullopt;
  diffusers::Cost cost;
  at::Tensor predicted;
  if (features) {
    predicted = unet_->forward_reusing(sample, *times_, evaluation, now.prompt, *features, cost);
  } else if (request_.cache_branch >= 0) {
    predicted = unet_->forward_keeping(sample, *times_, evaluation, now.prompt, kept_, cost);
    note_kept(now);
  } else {
    predicted = unet_->forward(sample, *times_, evaluation, now.prompt, cost);
  }
  charge(now, cost, features.has_value());
  guide(now, predicted, output);
  require_finite(output, evaluation);
}

void PipelineDenoising::end_guidance(std::span<const std::size_t> rows) {
  require_rows(rows, rows_.size());
  bool changed = false;
  for (const std::size_t row : rows) changed = std::exchange(rows_[row].guided, false) || changed;
  if (changed) forget_batches();
}

void PipelineDenoising::keep_rows(std::span<const std::size_t> rows) {
  const c10::InferenceMode guard;
  require_rows(rows, rows_.size());
  keep_only(rows_, rows);
  if (!agreement_.empty()) keep_only(agreement_, rows);
  texts_ = rows_of(texts_, index_of({rows.begin(), rows.end()}));
  forget_batches();
}

PipelineDenoising::Batch PipelineDenoising::make_batch(bool guided) const {
  Batch batch;
  for (std::size_t row = 0; row < rows_.size(); ++row)
    if (guided && rows_[row].guided) batch.guided.push_back(static_cast<std::int64_t>(row));
  const auto more = static_cast<std::int64_t>(batch.guided.size());
  batch.rows = count() + more;
  batch.prompt = more > 0 ? join(texts_, negative_, more) : texts_;
  return batch;
}

const PipelineDenoising::Batch& PipelineDenoising::batch(bool guided) {
  std::optional<Batch>& batch = guided ? guided_batch_ : plain_batch_;
  if (!batch) batch = make_batch(guided);
  return *batch;
}

void PipelineDenoising::forget_batches() {
  guided_batch_.reset();
  plain_batch_.reset();
}

at::Tensor PipelineDenoising::fill_input(std::span<const float> input, const Batch& batch) {
  // Only read.
  const at::Tensor from = at::from_blob(const_cast<float*>(input.data()),
                                        {count(), shape_.channels, shape_.height, shape_.width}, at::kFloat);
  const at::Tensor sample = input_.narrow(0, 0, batch.rows);
  sample.narrow(0, 0, count()).copy_(from);
  for (std::size_t i = 0; i < batch.guided.size(); ++i)
    sample.select(0, count() + static_cast<std::int64_t>(i)).copy_(from.select(0, batch.guided[i]));
  return sample;
}

std::optional<diffusers::DeepFeatures> PipelineDenoising::features_of(const Batch& batch) const {
  std::vector<std::int64_t> places;
  for (const Row& row : rows_) places.push_back(row.kept_text);
  for (const std::int64_t row : batch.guided) places.push_back(rows_[static_cast<std::size_t>(row)].kept_negative);
  if (std::any_of(places.begin(), places.end(), [](std::int64_t place) { return place < 0; })) return std::nullopt;
  return diffusers::DeepFeatures{kept_.branch, at::index_select(kept_.map, 0, index_of(places))};
}

void PipelineDenoising::note_kept(const Batch& batch) {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    rows_[row].kept_text = static_cast<std::int64_t>(row);
    rows_[row].kept_negative = -1;
  }
  for (std::size_t i = 0; i < batch.guided.size(); ++i)
    rows_[static_cast<std::size_t>(batch.guided[i])].kept_negative = count() + static_cast<std::int64_t>(i);
}

void PipelineDenoising::charge(const Batch& batch, const diffusers::Cost& cost, bool reused) {
  const double share = 1 / static_cast<double>(batch.rows);
  const auto add = [&](Row& row) {
    row.cost += {.macs = cost.macs * share,
                 .weight_bytes = cost.weight_bytes * share,
                 .evaluations = 1,
                 .reused = reused ? 1 : 0};
  };
  for (Row& row : rows_) add(row);
  for (const std::int64_t row : batch.guided) add(rows_[static_cast<std::size_t>(row)]);
}

void PipelineDenoising::guide(const Batch& batch, const at::Tensor& predicted, std::span<float> output) {
  const std::span<const float> all(predicted.const_data_ptr<float>(), static_cast<std::size_t>(predicted.numel()));
  std::copy_n(all.begin(), output.size(), output.begin());
  if (batch.guided.empty()) return;
  const auto size = static_cast<std::size_t>(shape_.elements());
  const auto factor = static_cast<float>(request_.guidance);
  agreement_.resize(rows_.size(), 1);
  for (std::size_t i = 0; i < batch.guided.size(); ++i) {
    const auto row = static_cast<std::size_t>(batch.guided[i]);
    const auto text = all.subspan(row * size, size), negative = all.subspan((rows_.size() + i) * size, size);
    agreement_[row] = cosine(text, negative);
    for (std::size_t j = 0; j < size; ++j) output[row * size + j] = negative[j] + factor * (text[j] - negative[j]);
  }
}

}  // namespace dynexec
