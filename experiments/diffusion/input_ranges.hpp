// What the ranges of a quantised pipeline are learnt from: the calibration pictures of a config, or pictures of a
// file's texts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "config/node.hpp"
#include "pictures/picture_model.hpp"

namespace dynexec::diffusion {

struct LearntPictures {
  PictureRanges ranges;
  std::string sha256;  // of the pipeline
};

// What a diffusion config learns for the pipeline in the folder, whatever model it names, by drawing as its paths with
// quantised weights do, or all of them where none has. Reads all that is about pictures. `drawn` may be empty.
LearntPictures learn_ranges(const Node& root, const std::filesystem::path& folder, const std::function<void()>& drawn);

// From the first prompts of a file, drawn with the folder's sampler, and steps and guidance as a config's by default.
LearntPictures learn_ranges_of_texts(const std::string& file, std::int64_t samples, const std::filesystem::path& folder,
                                     const std::function<void()>& drawn);

}  // namespace dynexec::diffusion
