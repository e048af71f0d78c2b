// A small U-Net for unconditional diffusion in pixels: three levels of blocks with layer normalisation over the whole
// map, sinusoidal time embeddings with a two-layer network a level. The layout of the public MNIST checkpoint that
// `scripts/convert.py` makes a folder of (keys `network.b1.0.ln.weight` ...).
#pragma once

#include <filesystem>
#include <memory>

#include "models/noise_network.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// config.json: model_type "layer_norm_unet", image_size (12 to 252, 4 more than a multiple of 8), in_channels,
// base_channels, train_steps, time_embedding. Checks every shape. Error(model).
std::unique_ptr<NoiseNetwork> load_layer_norm_unet(const ModelFolder& folder);

}  // namespace dynexec
