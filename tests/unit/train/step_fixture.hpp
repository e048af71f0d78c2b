// A model of pictures without a network, whose pictures settle at a step count that the number of objects in the
// caption decides, and a training run on it.
#pragma once

#include <cmath>
#include <memory>

#include "../base/temp_folder.hpp"
#include "data/scenes/caption.hpp"
#include "pictures/checks.hpp"
#include "train/step_predictor_trainer.hpp"

namespace dynexec_test {

inline std::int64_t needed_steps(const std::string& text) {
  // Neither grows nor falls with the number of objects, hence with the length of the caption.
  constexpr std::int64_t kNeeded[] = {5, 20, 8, 30};
  return kNeeded[dynexec::scenes::parse_caption(text).objects.size() - 1];
}

class SettlingDenoising : public dynexec::Denoising {
 public:
  explicit SettlingDenoising(const dynexec::PictureRequest& request) : request_(request) {}

  std::size_t rows() const override { return request_.texts.size(); }
  void evaluate(std::size_t, std::span<const float> input, const dynexec::EvaluationMode&,
                std::span<float> output) override {
    const std::size_t size = input.size() / rows();
    const auto steps = static_cast<std::int64_t>(request_.timesteps.size());
    for (std::size_t i = 0; i < input.size(); ++i) {
      const bool settled = steps >= needed_steps(request_.texts[i / size]);
      const auto wave = static_cast<float>(std::sin(static_cast<double>(i % size)));
      output[i] = settled ? wave : std::tanh(input[i]);
    }
  }
  const std::vector<double>& agreement() const override { return agreement_; }
  void end_guidance(std::span<const std::size_t>) override {}
  void keep_rows(std::span<const std::size_t> rows) override { dynexec::keep_only(request_.texts, rows); }
  dynexec::PictureCost cost(std::size_t) const override { return {}; }

 private:
  dynexec::PictureRequest request_;
  std::vector<double> agreement_;
};

class SettlingModel : public dynexec::PictureModel {
 public:
  dynexec::ImageShape latent_shape() const override { return {1, 12, 12}; }
  dynexec::ImageShape picture_shape() const override { return latent_shape(); }
  bool takes_text() const override { return text; }
  double parameters() const override { return 0; }
  std::string sha256() const override { return hash; }
  dynexec::SamplerOptions sampling() const override {
    dynexec::SamplerOptions options;
    options.spacing = dynexec::Spacing::trailing;
    options.prediction = dynexec::Prediction::sample;
    options.final_alpha_one = true;
    return options;
  }
  std::unique_ptr<dynexec::Denoising> begin(const dynexec::PictureRequest& request) const override {
    ++begun;
    return std::make_unique<SettlingDenoising>(request);
  }
  std::vector<float> decode(std::span<const float> latents, dynexec::PictureCost&) const override {
    return {latents.begin(), latents.end()};
  }

  bool text = true;
  std::string hash = "settling";
  mutable int begun = 0;
};

struct StepSetup {
  explicit StepSetup(const std::vector<std::string>& overrides = {}) {
    const dynexec::Config config = dynexec::Config::parse(R"(
output: nowhere
pipeline: settling
grid: [4, 5, 8, 12, 20, 30]
seeds: 2
together: 3
label: B
prompts: {kind: scenes, training: 10, evaluation: 4, wordings: 2}
encoder: {width: 32, layers: 1, heads: 2}
optimiser: {steps: 8, learning_rate: 3.0e-3, warmup: 2}
eval_every: 2
)",
                                                          "toy.yaml", overrides);
    options = dynexec::read_step_predictor_options(config.root(), "");
    config.reject_unread();
    options.output = folder.file("out");
    options.work = folder.file("work");
  }
  dynexec::StepTrainReport train() const { return dynexec::train_step_predictor(options, model, nullptr, nullptr); }
  std::string labels() const { return read_text(options.work + "/labels.csv"); }
  // Everything that was written.
  std::string written() const {
    std::string all;
    for (const char* file :
         {"/config.json", "/tokenizer.json", "/tokenizer_config.json", "/model.safetensors", "/README.md"})
      all += read_text(options.output + file);
    return all;
  }

  TempFolder folder;
  SettlingModel model;
  dynexec::StepPredictorOptions options;
};

}  // namespace dynexec_test
