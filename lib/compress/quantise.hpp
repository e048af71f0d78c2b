// Writing the folder of a decoder or an encoder with its layers quantised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "compress/gptq.hpp"
#include "models/layer_formats.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

enum class QuantiseMethod { nearest, gptq };

struct QuantiseOptions {
  LayerFormats formats;
  QuantiseMethod method = QuantiseMethod::nearest;
  GptqOptions gptq;
  std::vector<std::vector<std::int32_t>> texts;  // token ids to calibrate on; gptq needs some
};

// What rounding changes in the outputs of a matrix, as a share of what they are; < 0: nothing was calibrated.
struct QuantisedMatrix {
  std::string name;
  double error = -1;    // as written
  double nearest = -1;  // of rounding to the nearest
};

struct QuantiseReport {
  std::vector<QuantisedMatrix> matrices;
  double bytes_before = 0, bytes_after = 0;  // of the weights file
};

// Tokens that a text to calibrate on may have. Error(model) for a network that is neither decoder nor encoder,
// Error(config) for one that is quantised already.
std::int64_t longest_text(const ModelFolder& folder);

// Sequences that the model itself writes: from its begin token (the first token where it has none) by plain sampling.
// None where it is an encoder, which writes nothing.
std::vector<std::vector<std::int32_t>> own_texts(const ModelFolder& folder, std::int64_t count, std::int64_t length,
                                                 std::uint64_t seed);

// Writes to `to` config.json, model.safetensors and copies of the other JSON files; see models/stored_weights.hpp.
// Layer by layer, each calibrated on what the layers before it, quantised, give. Embeddings, norms, biases and heads,
// those of exits too, stay as they are, and so do matrices whose format is an exception in fp32, bf16 or fp16: they are
// rounded to it when the folder is loaded. progress(layers done, layers). Error(config) for formats or a folder that
// cannot be quantised, exceptions that no matrix fits or GPTQ without texts, Error(model) for other networks,
// Error(data) for texts that the network does not take, Error(io).
QuantiseReport quantise_folder(const ModelFolder& from, const std::filesystem::path& to, const QuantiseOptions& options,
                               const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace dynexec
