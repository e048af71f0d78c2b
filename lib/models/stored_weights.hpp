// Quantised matrices in a model folder. config.json says
//   "quantization_config": {"quant_method": "dynexec", "format": "int4-g64+v_proj=int8"}
// with a text of LayerFormats. A matrix NAME [out, in] of the layers that is quantised in it is then the tensor NAME of
// codes (int8: I8 [out, in], from -127; int4: U8 [out, (in + 1) / 2], the even input in the low half), NAME.scales
// [out, groups] (F16; F32 without groups) and for int4 NAME.minima (F16). All else is stored as usual; matrices of the
// layers in fp32, bf16 or fp16 are rounded to it while loading.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/stored_matrix.hpp"
#include "models/json_fields.hpp"
#include "models/layer_formats.hpp"
#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

inline constexpr const char* kQuantisedByUs = "dynexec";  // quant_method

// Error(model) where config.json names a quantisation of others.
void refuse_quantised_by_others(const JsonFields& config);
// What config.json says of a quantisation by this program; nullopt: nothing. Error(model) for one by others. `config`
// must outlive it.
std::optional<JsonFields> quantisation_fields(const JsonFields& config);
// Of the folder; nullopt: its weights are plain numbers. Error(model) for a method or format that is not known.
std::optional<LayerFormats> folder_formats(const ModelFolder& folder);
// nullopt: folders may be written in them; else why not: one must be quantised and none round inputs.
std::optional<std::string> folder_problem(const LayerFormats& formats);
nlohmann::json folder_formats_json(const LayerFormats& formats);

// In which formats the folder's matrices are loaded: `wanted`, but those of a quantised folder as they are, with or
// without rounded inputs. fp32 asks for nothing else; Error(config) for other formats than the folder's.
LayerFormats loaded_formats(const ModelFolder& folder, const LayerFormats& wanted);
// Of the formats that loaded_formats() gives.
FormatsOrigin formats_origin(const ModelFolder& folder);
// Error(config) where the folder's weights are quantised.
void require_plain_weights(const ModelFolder& folder);

// A matrix of the layers, `format` being quantised. Error(model) for tensors that are missing or of other types or
// shapes, scales that are not finite, and codes that the format has not.
StoredMatrix read_stored(const ModelFolder& folder, const WeightFormat& format, const std::string& name,
                         std::int64_t out, std::int64_t in);

// read_stored on the folder, which must outlive it; nothing for matrices that are plain numbers.
StoredSource stored_source(const ModelFolder& folder);
// The tensors that a matrix NAME is made of.
std::vector<std::string> stored_names(const std::string& name, const WeightFormat& format);

// The tensors of one matrix with the bytes that their views show.
struct StoredTensors {
  StoredTensors(const std::string& name, const StoredMatrix& matrix);
  std::vector<TensorView> views;

 private:
  void add(const std::string& name, DType dtype, std::int64_t out, std::int64_t columns, std::vector<std::byte> bytes);
  std::vector<std::vector<std::byte>> bytes_;
};

}  // namespace dynexec
