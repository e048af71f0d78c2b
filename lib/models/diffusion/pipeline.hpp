// A diffusers pipeline folder: model_index.json names the components, each in a folder of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "models/diffusion/clip_text.hpp"
#include "models/diffusion/image_decoder.hpp"
#include "models/diffusion/unet.hpp"

namespace dynexec::diffusers {

struct Pipeline {
  std::shared_ptr<const UNet> unet;
  std::shared_ptr<const ImageDecoder> decoder;  // null where the U-Net works on pictures
  std::shared_ptr<const ClipText> text;         // null where it attends to no text
  // Without a decoder: side of the squares of pixels that are the channels of one place (model_index.json: patch).
  std::int64_t patch = 1;

  double parameters() const;
};

// Loads what model_index.json names and checks that the parts fit together. Error(model) for a component that is
// missing, of another class than UNet2DConditionModel, AutoencoderKL and CLIPTextModel, or of other channel counts than
// its neighbours, and for a patch that does not fit. Components that play no part in making a picture (safety checker,
// image processors) are not read. `kind` and `ranges` are for the U-Net.
Pipeline load_pipeline(const std::filesystem::path& folder, LayerPlan::Kind kind = LayerPlan::Kind::fp32,
                       std::shared_ptr<ActivationRanges> ranges = nullptr);

// scheduler/scheduler_config.json: without it nobody knows which noise the network was trained on. Error(model) where
// the folder is no pipeline or the file is missing.
nlohmann::json read_pipeline_scheduler(const std::filesystem::path& folder);

}  // namespace dynexec::diffusers
