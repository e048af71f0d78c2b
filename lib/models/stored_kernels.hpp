// Convolutions in int8 in a model folder: NAME [out, in, side, side] is the tensor NAME of codes (I8) and NAME.scales
// [out] (F32).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/byte_conv2d.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// Error(model) naming the tensor that is missing, of another type or shape, or holds a code of -128 or a scale that is
// not finite and above 0.
ByteKernel read_kernel(const ModelFolder& folder, const std::string& name, const std::vector<std::int64_t>& shape);
// Of type F32 and this shape, finite; Error(model) naming it.
std::vector<float> read_stored_floats(const ModelFolder& folder, const std::string& name,
                                      const std::vector<std::int64_t>& shape);
// The two tensors of a kernel; they show what `kernel` holds.
std::vector<TensorView> kernel_views(const std::string& name, const std::vector<std::int64_t>& shape,
                                     const ByteKernel& kernel);

// What config.json says of dynexec's own quantisation, one of `formats`; "": nothing, the weights are plain numbers.
// Error(model) for another method or format.
std::string stored_format(const ModelFolder& folder, const std::vector<std::string>& formats);
// What config.json says then.
nlohmann::json stored_format_json(const std::string& format);

}  // namespace dynexec
