#include "compress/distil_scales.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/random.hpp"
#include "compress/input_moments.hpp"
#include "compress/quantised_tensor.hpp"
#include "models/encoder_config.hpp"
#include "models/gradient_decoder.hpp"

namespace dynexec {
namespace {

using Texts = std::vector<std::vector<std::int32_t>>;
using Matrices = std::map<std::string, StoredMatrix>;

constexpr double kBeta1 = 0.9, kBeta2 = 0.99, kEpsilon = 1e-10;
constexpr std::int64_t kHeldOut = 8;  // every so many-th text
constexpr double kWarmUp = 0.1;       // share of the steps until the rate is reached

// Of a step from 0.
double rate_at(std::int64_t step, const DistilOptions& options) {
  const auto steps = static_cast<double>(options.steps), done = static_cast<double>(step);
  const double start = std::min(1.0, (done + 1) / std::max(1.0, kWarmUp * steps));
  return options.rate * start * (1 + std::cos(std::numbers::pi * done / steps)) / 2;
}

class Distillation {
 public:
  Distillation(const ModelFolder& folder, const Texts& texts, const DistilOptions& options, Matrices& matrices)
      : options_(options), matrices_(matrices), teacher_(folder), student_(folder) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      // Spread over the file; the last of two texts is one of them, too.
      const bool out = i % kHeldOut == kHeldOut - 1 || (i + 1 == texts.size() && held_out_.empty());
      (out ? held_out_ : trained_).push_back(&texts[i]);
    }
    for (const auto& [name, matrix] : matrices) {
      if (!matrix.format.quantised()) continue;
      Trained& trained = parts_.emplace_back(name, QuantisedTensor(matrix));
      for (const at::Tensor& parameter : trained.tensor.parameters()) {
        parameters_.push_back(parameter);
        first_.push_back(at::zeros_like(parameter));
        second_.push_back(at::zeros_like(parameter));
        counts_.push_back(at::zeros({}));
      }
    }
    order_.resize(trained_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  DistilReport run(const std::function<void(std::int64_t, std::int64_t)>& progress) {
    DistilReport report{.texts = static_cast<std::int64_t>(held_out_.size())};
    use(matrices_);
    report.before = held_out_divergence();
    for (std::int64_t step = 0; step < options_.steps; ++step) {
      throw_if_interrupted();
      train(step);
      if (progress) progress(step + 1, options_.steps);
    }
    Matrices fitted = matrices_;
    for (const Trained& part : parts_) fitted[part.name] = part.tensor.stored(fitted[part.name]);
    use(fitted);
    report.after = held_out_divergence();
    report.kept = report.after < report.before;  // not where it is not a number
    if (report.kept) matrices_ = std::move(fitted);
    return report;
  }

 private:
  struct Trained {
    Trained(std::string its_name, QuantisedTensor its_tensor)
        : name(std::move(its_name)), tensor(std::move(its_tensor)) {}
    std::string name;
    QuantisedTensor tensor;
  };

  void use(const Matrices& matrices) {
    for (const auto& [name, matrix] : matrices) student_.replace(name, as_matrix(matrix).to(at::kFloat));
  }

  // Summed over the text's tokens.
  at::Tensor divergence(const std::vector<std::int32_t>& text) const {
    at::Tensor wanted;
    {
      const c10::NoGradGuard no_grad;
      wanted = teacher_.logits(text).log_softmax(1);
    }
    return at::kl_div(student_.logits(text).log_softmax(1), wanted, at::Reduction::Sum, true);
  }

  double held_out_divergence() const {
    const c10::NoGradGuard no_grad;
    double sum = 0, tokens = 0;
    for (const auto* text : held_out_) {
      throw_if_interrupted();
      sum += divergence(*text).item<double>();
      tokens += static_cast<double>(text->size());
    }
    return sum / tokens;
  }

  // Texts in an order of their own in every round through them.
  const std::vector<std::int32_t>& next_text() {
    if (drawn_ % order_.size() == 0) {
      RandomStream random(options_.seed, drawn_ / order_.size(), 0, static_cast<std::uint32_t>(Purpose::training));
      random.shuffle(order_);
    }
    return *trained_[order_[drawn_++ % order_.size()]];
  }

  void train(std::int64_t step) {
    std::vector<at::Tensor> weights;
    for (const Trained& part : parts_) student_.replace(part.name, weights.emplace_back(part.tensor.weight()));
    double tokens = 0;
    // One text at a time: gradients add up in the weights, and only one text's states are in memory.
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      const c10::AutoGradMode with_gradients(true);
      const auto& text = next_text();
      tokens += static_cast<double>(text.size());
      divergence(text).backward();
    }
    const c10::NoGradGuard no_grad;
    std::vector<at::Tensor> gradients;
    for (std::size_t i = 0; i < parts_.size(); ++i)
      for (const at::Tensor& gradient : parts_[i].tensor.gradients(weights[i].grad()))
        gradients.push_back(gradient / tokens);
    for (at::Tensor& count : counts_) count.add_(1);
    at::_fused_adamw_(parameters_, gradients, first_, second_, {}, counts_, rate_at(step, options_), kBeta1, kBeta2, 0,
                      kEpsilon, false, false);
  }

  const DistilOptions& options_;
  Matrices& matrices_;
  GradientDecoder teacher_, student_;
  std::vector<const std::vector<std::int32_t>*> trained_, held_out_;
  std::vector<Trained> parts_;
  std::vector<at::Tensor> parameters_, first_, second_, counts_;  // of the optimiser, side by side
  std::vector<std::size_t> order_;
  std::size_t drawn_ = 0;
};

}  // namespace

void require_distillable(const ModelFolder& folder, const Texts& texts) {
  if (is_encoder_config(folder.config()))
    throw Error(ErrorKind::config, "scales are fitted for language models, and this is a text encoder",
                folder.path().string(), "leave out the steps of distillation");
  if (texts.size() < 2)
    throw Error(ErrorKind::config, "distillation needs two texts at least, of which one is held out", "texts",
                "name more texts, or more samples");
}

DistilReport distil_scales(const ModelFolder& folder, const Texts& texts, const DistilOptions& options,
                           Matrices& matrices, const std::function<void(std::int64_t, std::int64_t)>& progress) {
  require_distillable(folder, texts);
  return Distillation(folder, texts, options, matrices).run(progress);
}

}  // namespace dynexec
