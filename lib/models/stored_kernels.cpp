#include "models/stored_kernels.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "models/json_fields.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

constexpr const char* kScales = ".scales";
constexpr const char* kAnew = "write the folder anew with dynexec compress quantize";

[[noreturn]] void refuse(const ModelFolder& folder, const std::string& name, const std::string& what) {
  throw Error(ErrorKind::model, what, (folder.path() / name).string(), kAnew);
}

TensorView require_type(const ModelFolder& folder, const std::string& name, const std::vector<std::int64_t>& shape,
                        DType dtype) {
  if (!folder.find(name)) refuse(folder, name, "the folder's weights are quantised, and the tensor is missing");
  const TensorView view = *folder.find(name);
  if (view.shape != shape)
    refuse(folder, name,
           fmt::format("the tensor has the shape [{}], not [{}]", fmt::join(view.shape, ", "), fmt::join(shape, ", ")));
  if (view.dtype != dtype)
    refuse(folder, name, fmt::format("the tensor is of type {}, not {}", dtype_name(view.dtype), dtype_name(dtype)));
  return view;
}

}  // namespace

std::vector<float> read_stored_floats(const ModelFolder& folder, const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  const TensorView view = require_type(folder, name, shape, DType::f32);
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      refuse(folder, name, fmt::format("the value at {} is {:g}, not finite", i, values[i]));
  return values;
}

ByteKernel read_kernel(const ModelFolder& folder, const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorView view = require_type(folder, name, shape, DType::i8);
  ByteKernel kernel{.codes = std::vector<std::int8_t>(view.bytes.size()),
                    .scales = read_stored_floats(folder, name + kScales, {shape.front()})};
  std::memcpy(kernel.codes.data(), view.bytes.data(), view.bytes.size());
  // Its products would not fit where bytes are added up in pairs.
  constexpr std::int8_t kUnused = std::numeric_limits<std::int8_t>::min();
  const auto code = std::find(kernel.codes.begin(), kernel.codes.end(), kUnused);
  if (code != kernel.codes.end())
    refuse(folder, name, fmt::format("the code at {} is -128, and codes are -127 to 127", code - kernel.codes.begin()));
  for (std::size_t o = 0; o < kernel.scales.size(); ++o)
    if (!(kernel.scales[o] > 0))
      refuse(folder, name + kScales, fmt::format("the scale of channel {} is {:g}, not above 0", o, kernel.scales[o]));
  return kernel;
}

std::vector<TensorView> kernel_views(const std::string& name, const std::vector<std::int64_t>& shape,
                                     const ByteKernel& kernel) {
  return {{.name = name, .dtype = DType::i8, .shape = shape, .bytes = std::as_bytes(std::span(kernel.codes))},
          {.name = name + kScales,
           .dtype = DType::f32,
           .shape = {shape.front()},
           .bytes = std::as_bytes(std::span(kernel.scales))}};
}

std::string stored_format(const ModelFolder& folder, const std::vector<std::string>& formats) {
  const JsonFields config(folder.config(), (folder.path() / "config.json").string());
  const std::optional<JsonFields> fields = quantisation_fields(config);
  if (!fields) return "";
  const std::string format = fields->text("format", "");
  if (std::find(formats.begin(), formats.end(), format) == formats.end())
    fields->refuse("format", fmt::format("unknown format '{}'", format),
                   fmt::format("this kind of network is read in {}", fmt::join(formats, " and ")));
  return format;
}

nlohmann::json stored_format_json(const std::string& format) {
  return {{"quant_method", kQuantisedByUs}, {"format", format}};
}

}  // namespace dynexec
