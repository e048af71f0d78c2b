// A diffusers pipeline as a model of pictures. Private to the room.
#pragma once

#include <filesystem>
#include <memory>

#include "pictures/picture_model.hpp"

namespace dynexec {

// Error(model).
std::shared_ptr<const PictureModel> load_pipeline_model(const std::filesystem::path& folder);
PictureRanges learn_pipeline_ranges(const std::filesystem::path& folder, const CalibrationDrawing& draw);
std::shared_ptr<const PictureModel> load_quantised_pipeline_model(const std::filesystem::path& folder,
                                                                  QuantisedWeights weights, PictureRanges ranges);

}  // namespace dynexec
