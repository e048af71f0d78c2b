#include "models/step_predictor.hpp"

#include <cmath>

#include "base/error.hpp"
#include "encoder_fixture.hpp"

using namespace dynexec;

namespace {

class PredictorFolder : public EncoderFolder {
 public:
  PredictorFolder() : EncoderFolder("steps") {
    bert();
    for (const char* name : {"exits.0.pooler", "exits.0.linear", "exits.1.pooler", "exits.1.linear", "classifier"})
      for (const char* part : {".weight", ".bias"}) tensors.erase(std::string(name) + part);
    config.erase("exits");
    config.erase("id2label");
    dense(kStepDense, 32, 32);
    dense(kStepLinear, 3, 32);
    StepPredictorConfig steps;
    steps.grid = {4, 8, 12, 20};
    steps.intercept = 2;
    steps.slope = 1.5;
    steps.constant = 11;
    config["step_predictor"] = step_predictor_json(steps);
  }
};

template <class Change>
std::string refusal_after(const Change& change) {
  PredictorFolder folder;
  change(folder);
  try {
    const StepPredictor predictor(folder.write());
    return "";
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::model);
    return format_error(error);
  }
}

bool mentions(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

StepPrediction decide(double quantile, const std::vector<float>& logits) {
  StepPredictorConfig config;
  config.grid = {4, 8, 12, 20};
  config.quantile = quantile;
  return decide_steps(config, logits);
}

float logit(double probability) {
  return static_cast<float>(std::log(probability / (1 - probability)));
}

}  // namespace

TEST_CASE("the smallest count that suffices with the wanted probability is chosen") {
  const std::vector<float> logits{logit(0.9), logit(0.4), logit(0.2)};
  CHECK(decide(0.05, logits).steps == 4);
  CHECK(decide(0.5, logits).steps == 8);
  CHECK(decide(0.7, logits).steps == 12);
  CHECK(decide(0.85, logits).steps == 20);
  const StepPrediction prediction = decide(0.7, logits);
  const std::vector<double> wanted{0.1, 0.5, 0.2, 0.2};
  for (std::size_t k = 0; k < 4; ++k) CHECK(prediction.probabilities[k] == doctest::Approx(wanted[k]).epsilon(1e-5));
  CHECK(prediction.expected == doctest::Approx(0.4 + 4 + 2.4 + 4).epsilon(1e-5));
}

TEST_CASE("by the mean a few that need many steps count") {
  StepPredictorConfig config;
  config.grid = {4, 8, 12, 20};
  config.quantile = 0.5;
  const std::vector<float> rare{logit(0.4), logit(0.4), logit(0.4)};  // 60 % need 4, the others 20: 10.4 in the mean
  CHECK(decide_steps(config, rare).steps == 4);
  config.by_mean = true;
  CHECK(decide_steps(config, rare).steps == 12);
  CHECK(decide_steps(config, std::vector<float>{logit(0.05), logit(0.05), logit(0.05)}).steps == 4);
}

TEST_CASE("a count is not enough while a larger one is not") {
  const StepPrediction prediction = decide(0.7, {logit(0.1), logit(0.1), logit(0.6)});
  CHECK(prediction.steps == 20);
  CHECK(prediction.exceeds[0] == doctest::Approx(0.1).epsilon(1e-5));
  CHECK(prediction.probabilities[0] == doctest::Approx(0.4).epsilon(1e-5));
  CHECK(prediction.probabilities[1] == 0);
}

TEST_CASE("steps go to the nearest value of the grid") {
  const std::vector<std::int64_t> grid{4, 8, 12, 20};
  CHECK(nearest_steps(grid, -3) == 4);
  CHECK(nearest_steps(grid, 5.9) == 4);
  CHECK(nearest_steps(grid, 6) == 8);
  CHECK(nearest_steps(grid, 16) == 20);
  CHECK(nearest_steps(grid, 1e9) == 20);
  CHECK(count_words(" a small\tred  disk\n") == 4);
  CHECK(count_words("") == 0);
}

TEST_CASE("a predictor answers as its parts do and counts what it costs") {
  PredictorFolder folder;
  const std::filesystem::path path = folder.write();
  StepPredictor predictor(path);
  CHECK(predictor.length_steps(3) == 8);
  CHECK(predictor.constant_steps() == 12);

  const std::vector<std::int32_t> ids = random_ids(9, 3);
  const auto encoder = Encoder::load(path);
  EncoderSession session(encoder);
  session.start(ids);
  session.run_to(2);
  const std::span<const float> pooled = session.pooled(true);
  const ModelFolder written = ModelFolder::open(path);
  const auto values = [&](const std::string& name) {
    const auto view = written.find(name);
    REQUIRE(view);
    std::vector<float> read(static_cast<std::size_t>(view->elements()));
    copy_as_f32(*view, read);
    return read;
  };
  const auto layer = [&](const std::string& name, const std::vector<double>& x, std::size_t out) {
    const std::vector<float> weight = values(name + ".weight"), bias = values(name + ".bias");
    std::vector<double> y(bias.begin(), bias.end());
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += static_cast<double>(weight[o * x.size() + i]) * x[i];
    return y;
  };
  std::vector<double> inner = layer(kStepDense, {pooled.begin(), pooled.end()}, 32);
  for (double& value : inner) value = std::tanh(value);
  const std::vector<double> logits = layer(kStepLinear, inner, 3);
  const StepPrediction prediction = predictor.predict(ids);
  for (std::size_t k = 0; k < 3; ++k)
    CHECK(prediction.exceeds[k] == doctest::Approx(1 / (1 + std::exp(-logits[k]))).epsilon(1e-4));
  CHECK(prediction.cost.macs == session.cost().macs + 32 * 32 + 32 * 3);
  CHECK(prediction.cost.weight_bytes > session.cost().weight_bytes);
  CHECK(predictor.predict(random_ids(4, 8)).cost.macs < prediction.cost.macs);
  CHECK(predictor.predict(ids).exceeds == prediction.exceeds);
  CHECK_THROWS_AS(predictor.predict(random_ids(41, 1)), Error);
}

TEST_CASE("a folder that describes its step counts wrongly is refused by the key") {
  const auto with = [](const char* key, const nlohmann::json& value) {
    return refusal_after([&](PredictorFolder& folder) { folder.config["step_predictor"][key] = value; });
  };
  CHECK(with("quantile", 0.5).empty());
  CHECK(mentions(with("grid", {4, 8, 8, 20}), "grid"));
  CHECK(mentions(with("grid", {0, 8, 9, 20}), "grid"));
  CHECK(mentions(with("grid", {4, 8, 12, 1001}), "1001"));
  CHECK(mentions(with("grid", 4), "grid"));
  CHECK(mentions(with("grid", {4, 8, 12}), kStepLinear));
  std::vector<std::int64_t> many;
  for (std::int64_t i = 1; i <= 65; ++i) many.push_back(i);
  CHECK(mentions(with("grid", many), "65"));
  CHECK(mentions(with("quantile", 0), "quantile"));
  CHECK(mentions(with("quantile", 1), "quantile"));
  CHECK(mentions(with("quantile", "high"), "quantile"));
  CHECK(with("decision", "mean").empty());
  CHECK(mentions(with("decision", "mode"), "decision"));
  CHECK(mentions(with("label", "F"), "label"));
  CHECK(mentions(with("sampler", ""), "sampler"));
  CHECK(mentions(with("offset", -2), "offset"));
  CHECK(mentions(with("eta", 2), "eta"));
  CHECK(mentions(with("guidance", -1), "guidance"));
  CHECK(mentions(with("length_baseline", nullptr), "length_baseline"));
  CHECK(mentions(with("length_baseline", {{"intercept", 3}}), "slope"));
  CHECK(mentions(with("constant_baseline", -1), "constant_baseline"));
  CHECK(mentions(refusal_after([](PredictorFolder& folder) { folder.config.erase("step_predictor"); }),
                 "kind: step_predictor"));
  CHECK(mentions(refusal_after([](PredictorFolder& folder) { folder.tensors.erase("step_head.dense.bias"); }),
                 "step_head.dense"));
}

TEST_CASE("logits follow the number of tokens where the folder says so") {
  PredictorFolder plain, counting;
  counting.config["step_predictor"]["tokens"] = {{"mean", 5}, {"deviation", 2}};
  counting.tensors[kStepLength] = {{3}, {1, -0.5f, 0.25f}};
  StepPredictor without(plain.write()), with(counting.write());
  const std::vector<std::int32_t> ids = random_ids(9, 3);  // 2 deviations above the mean
  const StepPrediction before = without.predict(ids), after = with.predict(ids);
  for (std::size_t k = 0; k < 3; ++k) {
    const double shift = 2 * std::vector{1.0, -0.5, 0.25}[k], p = before.exceeds[k];
    CHECK(std::log(after.exceeds[k] / (1 - after.exceeds[k])) ==
          doctest::Approx(std::log(p / (1 - p)) + shift).epsilon(1e-4));
  }
  CHECK(after.cost.macs == before.cost.macs + 3);
  CHECK(with.parameters() == without.parameters() + 3);
  CHECK(with.predict(random_ids(5, 3)).exceeds == without.predict(random_ids(5, 3)).exceeds);

  const auto refused = [](const nlohmann::json& tokens, const char* part) {
    return mentions(refusal_after([&](PredictorFolder& folder) { folder.config["step_predictor"]["tokens"] = tokens; }),
                    part);
  };
  CHECK(refused({{"mean", 5}, {"deviation", 2}}, kStepLength));
  CHECK(refused({{"mean", 5}, {"deviation", 0}}, "deviation"));
  CHECK(refused({{"mean", -1}, {"deviation", 2}}, "mean"));
  CHECK(refused({{"deviation", 2}}, "mean"));
  CHECK(refused(3, "tokens"));
}

TEST_CASE("logits that are not finite are an error of the model") {
  PredictorFolder folder;
  for (float& bias : folder.tensors.at("step_head.dense.bias").values) bias = 100;
  for (float& weight : folder.tensors.at("step_head.linear.weight").values) weight = 3e38f;
  StepPredictor predictor(folder.write());
  CHECK_THROWS_AS(predictor.predict(random_ids(3, 1)), Error);
}
