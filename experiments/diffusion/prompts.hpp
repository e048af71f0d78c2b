// The `task:` section of a diffusion config: which pictures are made.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/node.hpp"
#include "experiments/diffusion/picture_task.hpp"

namespace dynexec::diffusion {

struct PromptLists {
  std::vector<PicturePrompt> test, calibration;
  // Real pictures of scenes like the measured ones, in -1 to 1; of other tasks none.
  std::vector<std::vector<float>> real_pictures;
  std::vector<Provenance> provenance;  // data files
};

// task.kind from_noise: no text. scenes: captions of task.split, of task.complexities. prompts: of a file; those behind
// the measured ones serve for calibration. Error(config) where the model does not fit.
PromptLists read_prompt_lists(const Node& root, std::int64_t calibration, std::uint64_t seed, bool takes_text);

}  // namespace dynexec::diffusion
