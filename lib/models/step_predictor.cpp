#include "models/step_predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>

#include "base/error.hpp"
#include "models/encoder_loader.hpp"
#include "models/json_fields.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMostSteps = 1000, kMostOffset = 1000;
constexpr double kMostGuidance = 1000;
constexpr double kMostCoefficient = 1e6;
constexpr double kLeastDeviation = 1e-3;  // of numbers of tokens

EncoderHead load_head(const ModelFolder& folder, const EncoderConfig& encoder, std::size_t counts) {
  EncoderLoader loader(folder);
  auto dense = loader.dense(kStepDense, encoder.hidden, encoder.hidden, Activation::tanh);
  const auto classes = static_cast<std::int64_t>(counts) - 1;
  return {std::move(dense), loader.dense(kStepLinear, classes, encoder.hidden, Activation::none)};
}

std::vector<float> load_length(const ModelFolder& folder, const StepPredictorConfig& config) {
  if (config.tokens_deviation == 0) return {};
  return EncoderLoader(folder).read(kStepLength, {static_cast<std::int64_t>(config.grid.size()) - 1});
}

}  // namespace

StepPredictorConfig parse_step_predictor(const nlohmann::json& json, const std::string& where) {
  const JsonFields all(json, where);
  if (!all.has("step_predictor"))
    all.refuse("step_predictor", "the model predicts no step counts", "train one with kind: step_predictor");
  const JsonFields fields = all.child("step_predictor");
  StepPredictorConfig config;
  config.grid = fields.integers("grid", 1, kMostSteps);
  if (config.grid.size() < 2 || config.grid.size() > kMostStepCounts)
    fields.refuse("grid", fmt::format("{} step counts, not 2 to {}", config.grid.size(), kMostStepCounts),
                  "list the counts that the model was trained with");
  if (std::adjacent_find(config.grid.begin(), config.grid.end(), std::greater_equal<>()) != config.grid.end())
    fields.refuse("grid", "the step counts do not ascend", "list each count once, in order");
  config.quantile = fields.number("quantile", 0, 1);
  if (config.quantile <= 0 || config.quantile >= 1)
    fields.refuse("quantile", "the quantile is not between 0 and 1", "use 0.7");
  const std::string decision = fields.text("decision", "quantile");
  if (decision != "quantile" && decision != "mean")
    fields.refuse("decision", "unknown decision '" + decision + "'", "decisions are quantile and mean");
  config.by_mean = decision == "mean";
  config.label = fields.text("label", config.label);
  if (config.label.size() != 1 || std::string_view("ABCDE").find(config.label) == std::string_view::npos)
    fields.refuse("label", "unknown label '" + config.label + "'", "labels are A to E");
  config.sampler = fields.text("sampler", "");
  if (config.sampler.empty()) fields.refuse("sampler", "the sampler is not named", "name it: \"ddim\"");
  config.spacing = fields.text("spacing", "");
  config.karras = fields.boolean("karras", false);
  config.offset = fields.integer("offset", -1, kMostOffset, -1);
  config.eta = fields.number("eta", 0, 1, 0);
  config.negative = fields.text("negative", "");
  config.model_sha256 = fields.text("model_sha256", "");
  config.guidance = fields.number("guidance", 0, kMostGuidance, 1);
  if (!fields.has("length_baseline"))
    fields.refuse("length_baseline", "the key is missing", "give its intercept and slope");
  const JsonFields length = fields.child("length_baseline");
  config.intercept = length.number("intercept", -kMostCoefficient, kMostCoefficient);
  config.slope = length.number("slope", -kMostCoefficient, kMostCoefficient);
  config.constant = fields.number("constant_baseline", 0, static_cast<double>(kMostSteps));
  if (fields.has("tokens")) {
    const JsonFields tokens = fields.child("tokens");
    config.tokens_mean = tokens.number("mean", 0, kMostCoefficient);
    config.tokens_deviation = tokens.number("deviation", kLeastDeviation, kMostCoefficient);
  }
  return config;
}

nlohmann::json step_predictor_json(const StepPredictorConfig& config) {
  nlohmann::json json{{"grid", config.grid},
                      {"quantile", config.quantile},
                      {"decision", config.by_mean ? "mean" : "quantile"},
                      {"label", config.label},
                      {"sampler", config.sampler},
                      {"spacing", config.spacing},
                      {"karras", config.karras},
                      {"offset", config.offset},
                      {"eta", config.eta},
                      {"negative", config.negative},
                      {"guidance", config.guidance},
                      {"model_sha256", config.model_sha256},
                      {"pooling", "mean"},
                      {"length_baseline", {{"intercept", config.intercept}, {"slope", config.slope}}},
                      {"constant_baseline", config.constant}};
  if (config.tokens_deviation > 0)
    json["tokens"] = {{"mean", config.tokens_mean}, {"deviation", config.tokens_deviation}};
  return json;
}

StepPrediction decide_steps(const StepPredictorConfig& config, std::span<const float> logits) {
  StepPrediction prediction;
  for (const float logit : logits) prediction.exceeds.push_back(1 / (1 + std::exp(-static_cast<double>(logit))));
  std::vector<double> exceeds = prediction.exceeds;
  for (std::size_t k = exceeds.size() - 1; k > 0; --k) exceeds[k - 1] = std::max(exceeds[k - 1], exceeds[k]);
  exceeds.push_back(0);  // no picture needs more than the largest count
  double before = 1;
  for (std::size_t k = 0; k < exceeds.size(); ++k) {
    prediction.probabilities.push_back(before - exceeds[k]);
    prediction.expected += prediction.probabilities[k] * static_cast<double>(config.grid[k]);
    if (prediction.steps == 0 && 1 - exceeds[k] >= config.quantile) prediction.steps = config.grid[k];
    before = exceeds[k];
  }
  if (config.by_mean) prediction.steps = nearest_steps(config.grid, prediction.expected);
  return prediction;
}

std::int64_t nearest_steps(std::span<const std::int64_t> grid, double steps) {
  std::int64_t nearest = grid.front();
  for (const std::int64_t count : grid)
    if (std::abs(static_cast<double>(count) - steps) <= std::abs(static_cast<double>(nearest) - steps)) nearest = count;
  return nearest;
}

std::int64_t worthwhile_steps(std::span<const std::int64_t> grid, std::span<const double> quality, double price) {
  const auto worth = [&](std::size_t k) { return quality[k] - price * static_cast<double>(grid[k]); };
  std::size_t best = 0;
  for (std::size_t k = 1; k < grid.size(); ++k)
    if (worth(k) > worth(best)) best = k;
  return grid[best];
}

bool is_white_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::int64_t count_words(std::string_view text) {
  std::int64_t words = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!is_white_space(text[i]) && (i == 0 || is_white_space(text[i - 1]))) ++words;
  return words;
}

StepPredictor::StepPredictor(const ModelFolder& folder)
    : config_(parse_step_predictor(folder.config(), (folder.path() / "config.json").string())),
      session_(Encoder::load(folder)),
      head_(load_head(folder, encoder(), config_.grid.size())),
      length_(load_length(folder, config_)),
      scratch_(static_cast<std::size_t>(encoder().hidden)),
      logits_(config_.grid.size() - 1) {}

StepPredictor::StepPredictor(const std::filesystem::path& folder) : StepPredictor(ModelFolder::open(folder)) {}

double StepPredictor::parameters() const {
  const auto hidden = static_cast<double>(encoder().hidden), classes = static_cast<double>(head_.classes());
  return session_.encoder().parameters() + (hidden + 1) * (hidden + classes) + static_cast<double>(length_.size());
}

StepPrediction StepPredictor::predict(std::span<const std::int32_t> ids) {
  session_.start(ids);
  session_.run_to(encoder().layers - 1);
  head_.classify(session_.pooled(true).data(), 1, scratch_.data(), logits_.data());
  const auto tokens = static_cast<double>(ids.size());
  const auto deviations = static_cast<float>((tokens - config_.tokens_mean) / config_.tokens_deviation);
  for (std::size_t k = 0; k < length_.size(); ++k) logits_[k] += deviations * length_[k];
  if (!std::all_of(logits_.begin(), logits_.end(), [](float logit) { return std::isfinite(logit); }))
    throw Error(ErrorKind::model, "the logits are not finite", kStepLinear,
                "the weights may be damaged; check the checkpoint's sha256");
  StepPrediction prediction = decide_steps(config_, logits_);
  prediction.cost = session_.cost();
  prediction.cost.macs += head_.macs_per_row() + static_cast<double>(length_.size());
  prediction.cost.weight_bytes += head_.weight_bytes();
  return prediction;
}

std::int64_t StepPredictor::length_steps(std::int64_t words) const {
  return nearest_steps(config_.grid, config_.intercept + config_.slope * static_cast<double>(words));
}

}  // namespace dynexec
