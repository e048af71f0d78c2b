// Pictures to be made: a sample is a start noise, with a text for models that take one. Its first score is how much a
// path's picture is like the one that many steps make of the same noise.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/scenes/promises.hpp"
#include "diffusion/sampler.hpp"
#include "measure/contract.hpp"
#include "pictures/draw.hpp"
#include "pictures/scene_judge.hpp"

namespace dynexec::diffusion {

struct PicturePrompt {
  std::string id, group, text;               // no text for models that take none
  std::optional<scenes::Promises> promises;  // what the picture must show, where that is known
};

struct PictureInput {
  PicturePrompt prompt;
  std::vector<float> noise;  // standard normal, [latent shape]
};
struct PictureOutput {
  std::vector<float> pixels;  // [picture shape], in -1 to 1
  ImageShape shape;
};

// What a sample's picture is drawn from.
DrawInput draw_input(const Sample& sample, const Streams& streams);

struct PictureTaskOptions {
  std::uint64_t seed = 1;
  std::size_t first_noise = 0;                    // of the seed's endless list of noises
  std::shared_ptr<const Sampler> reference;       // of the pictures that others are compared with
  DrawOptions draw;                               // of the same
  std::shared_ptr<const SceneJudge> judge;        // null: likeness alone
  std::vector<std::vector<float>> real_pictures;  // [picture shape] each, of what the prompts describe; for the judge
};

class PictureTask : public Task {
 public:
  PictureTask(std::shared_ptr<const PictureModel> model, std::vector<PicturePrompt> prompts,
              PictureTaskOptions options);

  std::size_t size() const override { return prompts_.size(); }
  Sample sample(std::size_t index) const override;
  std::vector<Score> score(const Sample& sample, const Outcome& outcome) const override;
  std::string quality_metric() const override { return "ssim"; }
  std::vector<float> features(const Sample& sample, const Outcome& outcome) const override;
  std::vector<float> reference_features() const override;

  // The picture of many steps; made at the first call for a sample.
  const std::vector<float>& reference(const Sample& sample) const;
  // Share of what the sample's prompt promises that a picture shows; none without a judge or for other prompts.
  std::optional<double> shown(const Sample& sample, std::span<const float> pixels) const;
  // Of two pictures of this model.
  double similarity(std::span<const float> first, std::span<const float> second) const;

 private:
  const SceneJudgement& judged_reference(const Sample& sample) const;

  std::shared_ptr<const PictureModel> model_;
  std::vector<PicturePrompt> prompts_;
  PictureTaskOptions options_;
  mutable std::map<std::string, std::vector<float>> references_;  // by sample id
  mutable std::map<std::string, SceneJudgement> judged_;
};

}  // namespace dynexec::diffusion
