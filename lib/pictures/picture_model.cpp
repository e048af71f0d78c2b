#include "pictures/picture_model.hpp"

#include <system_error>

#include "base/error.hpp"
#include "pictures/network_model.hpp"
#include "pictures/pipeline_model.hpp"

namespace dynexec {
namespace {

void require_pipeline(const std::filesystem::path& folder) {
  std::error_code failed;
  if (!std::filesystem::exists(folder / "model_index.json", failed))
    throw Error(ErrorKind::model, "int8 and int4 are for diffusers pipelines, and the folder has no model_index.json",
                folder.string(), "give a diffusers pipeline folder, or leave the network in fp32");
}

}  // namespace

PictureCost& PictureCost::operator+=(const PictureCost& other) {
  macs += other.macs;
  weight_bytes += other.weight_bytes;
  evaluations += other.evaluations;
  reused += other.reused;
  return *this;
}

std::shared_ptr<const PictureModel> load_picture_model(const std::filesystem::path& folder) {
  std::error_code failed;
  if (std::filesystem::exists(folder / "model_index.json", failed)) return load_pipeline_model(folder);
  if (std::filesystem::exists(folder / "config.json", failed)) return load_network_model(folder);
  throw Error(ErrorKind::model, "the folder has neither model_index.json nor config.json", folder.string(),
              "give a diffusers pipeline folder, or one of a network without text");
}

PictureRanges learn_picture_ranges(const std::filesystem::path& folder, const CalibrationDrawing& draw) {
  require_pipeline(folder);
  return learn_pipeline_ranges(folder, draw);
}

std::shared_ptr<const PictureModel> load_quantised_picture_model(const std::filesystem::path& folder,
                                                                 QuantisedWeights weights, PictureRanges ranges) {
  require_pipeline(folder);
  return load_quantised_pipeline_model(folder, weights, std::move(ranges));
}

}  // namespace dynexec
