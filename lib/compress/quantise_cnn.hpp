// Writing the folder of a convolutional network in int8.
#pragma once

#include <filesystem>

#include "compress/quantise.hpp"
#include "models/cnn.hpp"

namespace dynexec {

// Writes to `to` config.json, model.safetensors and copies of the other JSON files; see models/cnn_stored.hpp. `ranges`
// are the network's, from CnnSession::observe. The first convolution, normalisation and heads, those of exits too, stay
// as they are. Error(config) for a folder that is quantised already or would be overwritten, Error(model) for other
// networks and ranges that are not finite, Error(io).
QuantiseReport quantise_cnn(const ModelFolder& from, const std::filesystem::path& to, const CnnRanges& ranges);

}  // namespace dynexec
