// The network that forecasts from a text how many steps its picture needs (StepSaver), with its tokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "data/tokenizer.hpp"
#include "models/step_predictor.hpp"

namespace dynexec::diffusion {

class StepForecaster {
 public:
  // Error(model).
  explicit StepForecaster(const std::filesystem::path& folder);

  // For one thread at a time.
  StepPrediction forecast(std::string_view text);
  // By the number of words alone: the control.
  std::int64_t by_length(std::string_view text) const;
  const StepPredictor& predictor() const { return predictor_; }

 private:
  StepPredictor predictor_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

}  // namespace dynexec::diffusion
