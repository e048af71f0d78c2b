// Quantised matrices in a model folder. config.json says
//   "quantization_config": {"quant_method": "dynexec", "format": "int4-g64"}
// A matrix NAME [out, in] is then the tensor NAME of codes (int8: I8 [out, in]; int4: U8 [out, (in + 1) / 2], the even
// input in the low half), NAME.scales [out, groups] (F16; F32 without groups) and for int4 NAME.minima (F16). What has
// no NAME.scales is stored as usual.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/stored_matrix.hpp"
#include "models/json_fields.hpp"
#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

inline constexpr const char* kQuantisedByUs = "dynexec";  // quant_method

// Error(model) where config.json names a quantisation of others.
void refuse_quantised_by_others(const JsonFields& config);
// Of the folder; nullopt: its weights are plain numbers. Error(model) for a method or format that is not known.
std::optional<WeightFormat> folder_format(const ModelFolder& folder);
nlohmann::json folder_format_json(const WeightFormat& format);

// In which format the folder's matrices are loaded: `wanted`, but quantised ones as they are, with or without integer
// products. fp32 asks for nothing else; Error(config) for other formats than the folder's.
WeightFormat loaded_format(const ModelFolder& folder, const WeightFormat& wanted);
// Error(config) where the folder's weights are quantised.
void require_plain_weights(const ModelFolder& folder);

// nullopt: NAME is not quantised. Error(model) for tensors of other types or shapes, or scales that are not finite.
std::optional<StoredMatrix> read_stored(const ModelFolder& folder, const WeightFormat& format, const std::string& name,
                                        std::int64_t out, std::int64_t in);

// read_stored on the folder, which must outlive it; nothing where its weights are plain numbers.
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
