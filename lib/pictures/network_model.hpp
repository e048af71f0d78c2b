// A network without text or latents as a model of pictures. Private to the room.
#pragma once

#include <filesystem>
#include <memory>

#include "pictures/picture_model.hpp"

namespace dynexec {

// config.json: model_type layer_norm_unet. Error(model).
std::shared_ptr<const PictureModel> load_network_model(const std::filesystem::path& folder);

}  // namespace dynexec
