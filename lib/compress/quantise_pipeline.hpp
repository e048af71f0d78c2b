// Writing the folder of a diffusers pipeline with its U-Net in int8 or int4.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "compress/quantise.hpp"
#include "models/diffusion/layer_plan.hpp"

namespace dynexec {

// Writes the pipeline folder `to`: unet/ with the layers that this kind, int8 or int4, has quantised (see
// models/diffusion/stored_layers.hpp), copies of the files in the other folders, and of model_index.json, which comes
// last. `ranges` are those of the U-Net's convolutions on pictures in fp32; `sha256` is the pipeline's. Error(config)
// for a folder that is quantised already or would be overwritten, Error(model) for another network, Error(io).
QuantiseReport quantise_pipeline(const std::filesystem::path& from, const std::filesystem::path& to,
                                 diffusers::LayerPlan::Kind kind, std::shared_ptr<diffusers::ActivationRanges> ranges,
                                 const std::string& sha256);

}  // namespace dynexec
