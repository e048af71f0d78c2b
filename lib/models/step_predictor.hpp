// How many sampling steps a text's picture needs, told from the text before the first step (Yu and Barad 2024,
// StepSaver): a BERT-like encoder and a head on the mean of its last states.
//
// The answer is ordinal: for a grid of step counts G_0 < ... < G_{K-1} the head has K - 1 logits, and the picture needs
// more than G_k steps with probability sigmoid(logit_k). Beyond the publication the logits may also depend linearly on
// the number of tokens, which a mean over tokens hardly tells.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/encoder.hpp"

namespace dynexec {

inline constexpr std::size_t kMostStepCounts = 64;

// The object "step_predictor" of config.json.
struct StepPredictorConfig {
  std::vector<std::int64_t> grid;  // step counts, ascending
  double quantile = 0.7;
  bool by_mean = false;     // the decision: see decide_steps()
  std::string label = "B";  // what "needs" meant in training; see train/step_labels.hpp
  // Whose steps were counted: counts of another sampler, model or guidance are other counts.
  std::string sampler = "ddim", spacing;  // spacing and hash "": not told
  bool karras = false;
  std::int64_t offset = -1;  // of leading spacing; -1: not told
  double eta = 0;            // of DDIM
  double guidance = 1;
  std::string negative;  // text
  std::string model_sha256;
  double intercept = 0, slope = 0;  // control: steps = intercept + slope * words
  double constant = 0;              // control: mean steps in training
  // Of the number of tokens in training, special ones included; deviation 0: the logits do not depend on it.
  double tokens_mean = 0, tokens_deviation = 0;
};

// Error(model) naming the key.
StepPredictorConfig parse_step_predictor(const nlohmann::json& config, const std::string& where);
nlohmann::json step_predictor_json(const StepPredictorConfig& config);

struct StepPrediction {
  std::int64_t steps = 0;             // of the grid
  double expected = 0;                // mean of `probabilities`
  std::vector<double> exceeds;        // P(N > G_k) as the logits say, [K - 1]
  std::vector<double> probabilities;  // P(N = G_k) once they do not contradict each other, [K]
  EncoderCost cost;
};

// The decision on logits [K - 1]: the smallest G_k with P(N <= G_k) >= quantile. Logits may contradict each other, so
// first P(N > G_k) becomes the largest of itself and all behind it: a count is only believed to be enough when all
// larger ones are. Too few steps cost more than too many, hence a quantile above one half. With `by_mean` the grid's
// value nearest to the mean of N: where a few pictures of a kind need many steps, the median does not know of them.
StepPrediction decide_steps(const StepPredictorConfig& config, std::span<const float> logits);

// The grid's value nearest to a number of steps; the larger of two.
std::int64_t nearest_steps(std::span<const std::int64_t> grid, double steps);

// The count whose picture is worth most: `quality` (one a count of the grid) less `price` a step; the smaller one of
// equals. Where pictures follow it, another step would bring every one of them as much, so no other counts of the same
// mean bring more.
std::int64_t worthwhile_steps(std::span<const std::int64_t> grid, std::span<const double> quality, double price);

// Of ASCII.
bool is_white_space(char c);
// What length_steps() counts: runs of anything but white space.
std::int64_t count_words(std::string_view text);

// For one thread at a time.
class StepPredictor {
 public:
  // Error(model).
  explicit StepPredictor(const ModelFolder& folder);
  explicit StepPredictor(const std::filesystem::path& folder);

  const StepPredictorConfig& config() const { return config_; }
  const EncoderConfig& encoder() const { return session_.encoder().config(); }
  double parameters() const;
  // ids: a text with its special tokens, at most encoder().max_positions. Error(data) for others.
  StepPrediction predict(std::span<const std::int32_t> ids);
  // The prompt-length regressor's answer, and the constant one.
  std::int64_t length_steps(std::int64_t words) const;
  std::int64_t constant_steps() const { return nearest_steps(config_.grid, config_.constant); }

 private:
  StepPredictorConfig config_;
  EncoderSession session_;
  EncoderHead head_;
  std::vector<float> length_;  // [K - 1], or empty
  std::vector<float> scratch_, logits_;
};

// Names of the head's tensors, without ".weight" and ".bias": a dense layer with tanh, and a linear one.
inline constexpr const char* kStepDense = "step_head.dense";
inline constexpr const char* kStepLinear = "step_head.linear";
// What a deviation of the number of tokens adds to the logits, [K - 1].
inline constexpr const char* kStepLength = "step_head.length.weight";

}  // namespace dynexec
