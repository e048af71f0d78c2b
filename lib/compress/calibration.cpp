#include "compress/calibration.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "base/interrupt.hpp"

namespace dynexec {

Calibration::Calibration(const LayeredNetwork& network, const std::vector<std::vector<std::int32_t>>& texts, bool exact)
    : network_(network), texts_(texts) {
  for (const auto& text : texts) longest_ = std::max(longest_, static_cast<std::int64_t>(text.size()));
  if (exact) exact_ = network.load({.stored = {}, .observer = into(exact_inputs_)}, longest_);
}

InputObserver Calibration::into(Inputs& inputs) {
  return [this, &inputs](const std::string& name, const float* x, std::int64_t rows, std::int64_t in) {
    if (!observed_.contains(name)) return;
    inputs[name].push_back(at::from_blob(const_cast<float*>(x), {rows, in}, at::kFloat).to(at::kDouble));
  };
}

std::map<std::string, InputMoments> Calibration::run(const StoredSource& stored, const std::set<std::string>& observed,
                                                     std::int64_t layer) {
  observed_ = observed;
  Inputs inputs;
  const auto quantised = network_.load({.stored = stored, .observer = into(inputs)}, longest_);
  std::map<std::string, InputMoments> moments;
  for (const auto& text : texts_) {
    throw_if_interrupted();
    inputs.clear();
    quantised->text(text, layer);
    exact_inputs_.clear();
    if (exact_) exact_->text(text, layer);
    for (const auto& [name, parts] : inputs) {
      if (exact_)
        moments[name].add(at::cat(parts), at::cat(exact_inputs_.at(name)));
      else
        moments[name].add(at::cat(parts));
    }
  }
  return moments;
}

}  // namespace dynexec
