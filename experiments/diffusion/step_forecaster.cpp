#include "experiments/diffusion/step_forecaster.hpp"

namespace dynexec::diffusion {

StepForecaster::StepForecaster(const std::filesystem::path& folder)
    : predictor_(folder), tokenizer_(Tokenizer::load(folder)) {}

StepPrediction StepForecaster::forecast(std::string_view text) {
  std::vector<std::int32_t> ids = tokenizer_->encode(text, true);
  shorten(ids, static_cast<std::size_t>(predictor_.encoder().max_positions));
  return predictor_.predict(ids);
}

std::int64_t StepForecaster::by_length(std::string_view text) const {
  return predictor_.length_steps(count_words(text));
}

}  // namespace dynexec::diffusion
