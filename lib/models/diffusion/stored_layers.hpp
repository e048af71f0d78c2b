// The layers of a U-Net in int8 or int4 in a model folder. config.json says
//   "quantization_config": {"quant_method": "dynexec", "format": "int4", "made_from": "<sha256 of the pipeline>"}
// A matrix has the form of models/stored_weights.hpp, in int8 or int4-g32. A convolution NAME has that of
// models/stored_kernels.hpp, and NAME.input_factors [in] (F32), by which its inputs are multiplied, and
// NAME.input_range [2] (F32): the least and the largest of these products that become bytes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/stored_matrix.hpp"
#include "models/diffusion/layer_plan.hpp"
#include "models/stored_kernels.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusers {

struct QuantisedConv {
  std::vector<std::int64_t> shape;  // [out, in, side, side]
  ByteKernel kernel;                // of the weights, divided by the factors
  std::vector<float> factors;       // [in]
  std::vector<float> range;         // least and largest input times factor; 0 lies within
};

struct QuantisedLayers {
  std::map<std::string, StoredMatrix> matrices;  // by the names of their weights
  std::map<std::string, QuantisedConv> convolutions;
};

// What the config of a U-Net says: fp32, int8 or int4. Error(model) for another quantisation.
LayerPlan::Kind stored_kind(const ModelFolder& folder);
// The SHA-256 of the pipeline that a quantised one was made from; "" where its U-Net does not say.
std::string made_from(const ModelFolder& unet);
nlohmann::json quantised_unet_config(const ModelFolder& unet, LayerPlan::Kind kind, const std::string& made_from);
// In which format the matrices of this kind are rounded; products are made in whole numbers.
WeightFormat matrix_format(LayerPlan::Kind kind);

// Error(model) naming the tensor that is missing, of another type or shape, or holds a number that cannot be.
QuantisedConv read_conv(const ModelFolder& folder, const std::string& name, const std::vector<std::int64_t>& shape);
StoredMatrix read_matrix(const ModelFolder& folder, const std::string& name, std::int64_t out, std::int64_t in,
                         LayerPlan::Kind kind);
// The tensors that they are made of.
std::vector<std::string> conv_tensors(const std::string& name);
std::vector<std::string> matrix_tensors(const std::string& name, LayerPlan::Kind kind);
// The same to be written; they show what `conv` holds.
std::vector<TensorView> conv_views(const std::string& name, const QuantisedConv& conv);

}  // namespace dynexec::diffusers
