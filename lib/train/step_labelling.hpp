// Draws the pictures of many texts at every step count of a grid and keeps how similar they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "diffusion/sampler.hpp"
#include "pictures/picture_model.hpp"
#include "pictures/scene_judge.hpp"
#include "train/step_labels.hpp"

namespace dynexec {

struct StepLabelling {
  std::vector<std::string> texts;
  SamplerOptions sampler;  // its steps are the grid's
  double guidance = 1;
  std::string negative;
  std::vector<std::int64_t> grid;  // ascending, at least 2
  std::int64_t seeds = 3;          // noises a text
  std::uint64_t seed = 1;
  std::int64_t together = 4;                // texts whose pictures are drawn together; decides rounding, nothing else
  std::optional<SamplerOptions> reference;  // with its steps; absent: the sampler with the most steps of the grid
  // What is shown of a caption of a scene, for StepCurve::shown; null: nobody looks.
  std::shared_ptr<const SceneJudge> judge;
  std::string judge_sha256;
};

// SHA-256 over what decides the curves: the model, the texts and all of the above.
std::string fingerprint_of(const StepLabelling& labelling, const PictureModel& model);

// The curves of every text, one a noise. Each is appended to `file` as soon as it is known, and safe on the medium
// before the next texts are drawn; a run that was stopped in any way continues behind the last one that is there and
// ends with the same file. Error(config) for a file of other settings and for a model that takes no text; Error(data)
// for a damaged one. `progress` gets the texts done; `cancelled`, polled between texts, and a signal end with
// Error(interrupted).
std::vector<std::vector<StepCurve>> label_steps(const StepLabelling& labelling, const PictureModel& model,
                                                const std::filesystem::path& file,
                                                const std::function<void(std::int64_t texts)>& progress,
                                                const std::function<bool()>& cancelled);

}  // namespace dynexec
