// Writing the folder of a decoder or an encoder with its layers quantised.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compress/distil_scales.hpp"
#include "compress/gptq.hpp"
#include "models/layer_formats.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// gptaq: GPTQ on weights that make up for the errors of the layers before, and of the matrices before within a layer;
// some eight times the calibration of gptq.
enum class QuantiseMethod { nearest, gptq, gptaq };

struct QuantiseOptions {
  LayerFormats formats;
  QuantiseMethod method = QuantiseMethod::nearest;
  GptqOptions gptq;
  double drift_share = 0.5;                      // gptaq: see make_up_for_drift()
  DistilOptions distil;                          // of a language model; needs texts
  std::vector<std::vector<std::int32_t>> texts;  // token ids to calibrate on; gptq and gptaq need some
};

// What rounding changes in the outputs of a matrix, as a share of what they are; < 0: nothing was calibrated. With
// gptaq compared with the outputs of the exact network, so that the errors of the layers before count as well.
struct QuantisedMatrix {
  std::string name;
  double error = -1;    // as written
  double nearest = -1;  // of rounding to the nearest
};

struct QuantiseReport {
  std::vector<QuantisedMatrix> matrices;  // before distillation
  std::optional<DistilReport> distil;
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
// rounded to it when the folder is loaded. progress(layers done, layers), distilled(steps done, steps). Error(config)
// for formats or a folder that cannot be quantised, exceptions that no matrix fits or GPTQ, GPTAQ and distillation
// without texts, Error(model) for other networks, Error(data) for texts that the network does not take, Error(io).
QuantiseReport quantise_folder(const ModelFolder& from, const std::filesystem::path& to, const QuantiseOptions& options,
                               const std::function<void(std::int64_t, std::int64_t)>& progress,
                               const std::function<void(std::int64_t, std::int64_t)>& distilled = {});

}  // namespace dynexec
