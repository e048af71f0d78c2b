#include "train/step_module.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace dynexec {
namespace {

at::Tensor normal_matrix(std::int64_t rows, std::int64_t columns, RandomStream& random) {
  at::Tensor matrix = at::empty({rows, columns});
  const double deviation = 1 / std::sqrt(static_cast<double>(columns));
  float* values = matrix.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < matrix.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  return matrix;
}

}  // namespace

StepModule::StepModule(const EncoderConfig& encoder, const StepPredictorConfig& config, std::uint64_t seed) {
  own_.emplace(encoder, EncoderExitConfig{}, seed);
  const EncoderNames names(encoder.family);
  for (const auto& parameter : own_->parameters())
    if (!parameter.first.starts_with(names.pooler) && !parameter.first.starts_with(names.classifier))
      parameters_.push_back(parameter);
  add_head(encoder.hidden, config, seed);
}

StepModule::StepModule(std::shared_ptr<const Encoder> encoder, const StepPredictorConfig& config, std::uint64_t seed)
    : frozen_(std::move(encoder)) {
  add_head(frozen_->config().hidden, config, seed);
}

void StepModule::add_head(std::int64_t width, const StepPredictorConfig& config, std::uint64_t seed) {
  const auto logits = static_cast<std::int64_t>(config.grid.size()) - 1;
  RandomStream random(seed, 0, 1, static_cast<std::uint32_t>(Purpose::weights));
  dense_ = normal_matrix(width, width, random);
  dense_bias_ = at::zeros({width});
  linear_ = at::zeros({logits, width});
  linear_bias_ = at::zeros({logits});
  for (const auto& [name, tensor] : {std::pair{std::string(kStepDense) + ".weight", dense_},
                                     {std::string(kStepDense) + ".bias", dense_bias_},
                                     {std::string(kStepLinear) + ".weight", linear_},
                                     {std::string(kStepLinear) + ".bias", linear_bias_}}) {
    tensor.set_requires_grad(true);
    parameters_.emplace_back(name, tensor);
  }
  tokens_mean_ = config.tokens_mean;
  tokens_deviation_ = config.tokens_deviation;
  if (tokens_deviation_ == 0) return;
  length_ = at::zeros({logits}).set_requires_grad(true);
  parameters_.emplace_back(kStepLength, length_);
}

void StepModule::set_prior(std::span<const double> exceeds) {
  const c10::NoGradGuard no_grad;
  float* values = linear_bias_.mutable_data_ptr<float>();
  for (std::size_t k = 0; k < exceeds.size(); ++k)
    values[k] = static_cast<float>(std::log(exceeds[k] / (1 - exceeds[k])));
}

void StepModule::set_texts(std::vector<Ids> texts) {
  texts_ = std::move(texts);
  if (!frozen_) return;
  const std::int64_t width = frozen_->config().hidden;
  features_ = at::empty({static_cast<std::int64_t>(texts_.size()), width});
  float* out = features_.mutable_data_ptr<float>();
  EncoderSession session(frozen_);
  for (const Ids& ids : texts_) {
    session.start(ids);
    session.run_to(frozen_->config().layers - 1);
    out = std::copy_n(session.pooled(true).begin(), width, out);
  }
}

at::Tensor StepModule::logits(std::span<const std::size_t> texts) const {
  const auto rows = static_cast<std::int64_t>(texts.size());
  at::Tensor pooled;
  if (own_) {
    std::size_t time = 0;
    for (const std::size_t text : texts) time = std::max(time, texts_[text].size());
    const at::Tensor ids = at::zeros({rows, static_cast<std::int64_t>(time)}, at::kLong);
    const at::Tensor mask = at::zeros(ids.sizes(), at::kBool);
    for (std::size_t row = 0; row < texts.size(); ++row) {
      const Ids& text = texts_[texts[row]];
      std::copy(text.begin(), text.end(), ids.mutable_data_ptr<std::int64_t>() + row * time);
      std::fill_n(mask.mutable_data_ptr<bool>() + row * time, text.size(), true);
    }
    pooled = mean_over_tokens(own_->states(ids, mask), mask);
  } else {
    const at::Tensor index = at::empty({rows}, at::kLong);
    std::copy(texts.begin(), texts.end(), index.mutable_data_ptr<std::int64_t>());
    pooled = features_.index_select(0, index);
  }
  const at::Tensor logits = at::linear(at::tanh(at::linear(pooled, dense_, dense_bias_)), linear_, linear_bias_);
  if (!length_.defined()) return logits;
  const at::Tensor deviations = at::empty({rows, 1});
  for (std::size_t row = 0; row < texts.size(); ++row)
    deviations.mutable_data_ptr<float>()[row] =
        static_cast<float>((static_cast<double>(texts_[texts[row]].size()) - tokens_mean_) / tokens_deviation_);
  return logits + deviations * length_;
}

std::map<std::string, std::vector<std::int64_t>> StepModule::row_blocks() const {
  if (!own_) return {};
  return own_->row_blocks();
}

at::Tensor step_loss(const at::Tensor& logits, std::span<const std::size_t> labels, std::span<const std::int64_t> grid,
                     double quantile, double pinball) {
  const std::int64_t rows = logits.size(0), counts = logits.size(1);
  const at::Tensor exceeds = at::empty({rows, counts}), widths = at::empty({counts}), steps = at::empty({rows});
  float* exceed = exceeds.mutable_data_ptr<float>();
  for (std::size_t row = 0; row < labels.size(); ++row) {
    steps.mutable_data_ptr<float>()[row] = static_cast<float>(grid[labels[row]]);
    for (std::size_t k = 0; k + 1 < grid.size(); ++k) *exceed++ = labels[row] > k ? 1.0f : 0.0f;
  }
  for (std::size_t k = 0; k + 1 < grid.size(); ++k)
    widths.mutable_data_ptr<float>()[k] = static_cast<float>(grid[k + 1] - grid[k]);
  const at::Tensor expected = at::sigmoid(logits).mv(widths) + static_cast<double>(grid.front());
  const at::Tensor missing = (steps - expected) / static_cast<double>(grid.back() - grid.front());
  const at::Tensor quantile_loss = at::maximum(missing * quantile, missing * (quantile - 1)).mean();
  return at::binary_cross_entropy_with_logits(logits, exceeds) + quantile_loss * pinball;
}

at::Tensor gain_loss(const at::Tensor& logits, std::span<const std::vector<double>* const> gains, double usual) {
  const at::Tensor goes_on = at::empty_like(logits), weight = at::empty_like(logits);
  float *decision = goes_on.mutable_data_ptr<float>(), *importance = weight.mutable_data_ptr<float>();
  for (const std::vector<double>* row : gains)
    for (const double gain : *row) {
      *decision++ = gain > 0 ? 1.0f : 0.0f;
      *importance++ = static_cast<float>(std::abs(gain) / usual);
    }
  return at::binary_cross_entropy_with_logits(logits, goes_on, weight);
}

}  // namespace dynexec
