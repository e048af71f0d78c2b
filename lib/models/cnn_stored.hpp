// Convolutional networks in int8 in a model folder. config.json says
//   "quantization_config": {"quant_method": "dynexec", "format": "int8"}
// The kernels of convolutions that are int8 (see Cnn::load) have the form of models/stored_kernels.hpp, with their
// batch normalisation folded in; its own tensors stay, as biases are made of them. CnnRanges are the tensor
// activation_ranges [layers] (F32). Everything else is stored as usual.
#pragma once

#include <vector>

#include "models/cnn.hpp"
#include "models/stored_kernels.hpp"

namespace dynexec {

inline constexpr const char* kCnnRanges = "activation_ranges";

struct CnnKernel {
  std::string name;                 // of its tensor
  std::vector<std::int64_t> shape;  // [out, in, side, side]
  ByteKernel kernel;
};
using CnnKernels = std::vector<CnnKernel>;

// Error(model) for a quantisation that is not known.
bool cnn_in_int8(const ModelFolder& folder);
// Of a folder in int8, for a network of so many layers. Error(model) where they are missing, not as many, not finite or
// below 0.
CnnRanges read_cnn_ranges(const ModelFolder& folder, std::int64_t layers);
// The kernels that a folder of plain numbers has in int8 with these ranges. Error as of Cnn::load.
CnnKernels cnn_kernels(const ModelFolder& folder, const CnnRanges& ranges);

}  // namespace dynexec
