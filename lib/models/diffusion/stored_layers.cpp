#include "models/diffusion/stored_layers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "models/json_fields.hpp"
#include "models/stored_weights.hpp"

namespace dynexec::diffusers {
namespace {

constexpr const char *kKey = "quantization_config", *kMadeFrom = "made_from";
constexpr const char *kFactors = ".input_factors", *kRange = ".input_range";

[[noreturn]] void refuse(const ModelFolder& folder, const std::string& name, const std::string& what) {
  throw Error(ErrorKind::model, what, (folder.path() / name).string(),
              "write the folder anew with dynexec compress quantize");
}

WeightFormat stored_matrix_format(LayerPlan::Kind kind) {
  WeightFormat format = matrix_format(kind);
  format.rounded_inputs = false;
  return format;
}

}  // namespace

LayerPlan::Kind stored_kind(const ModelFolder& folder) {
  const std::string format = stored_format(folder, {"int8", "int4"});
  return format.empty() ? LayerPlan::Kind::fp32 : format == "int8" ? LayerPlan::Kind::int8 : LayerPlan::Kind::int4;
}

std::string made_from(const ModelFolder& unet) {
  const JsonFields config(unet.config(), (unet.path() / "config.json").string());
  return config.has(kKey) ? config.child(kKey).text(kMadeFrom, "") : "";
}

nlohmann::json quantised_unet_config(const ModelFolder& unet, LayerPlan::Kind kind, const std::string& made_from) {
  nlohmann::json config = unet.config();
  config[kKey] = stored_format_json(kind == LayerPlan::Kind::int8 ? "int8" : "int4");
  config[kKey][kMadeFrom] = made_from;
  return config;
}

WeightFormat matrix_format(LayerPlan::Kind kind) {
  return weight_format(kind == LayerPlan::Kind::int8   ? "int8-a8"
                       : kind == LayerPlan::Kind::int4 ? "int4-g32-a8"
                                                       : "fp32");
}

QuantisedConv read_conv(const ModelFolder& folder, const std::string& name, const std::vector<std::int64_t>& shape) {
  QuantisedConv conv{.shape = shape,
                     .kernel = read_kernel(folder, name, shape),
                     .factors = read_stored_floats(folder, name + kFactors, {shape[1]}),
                     .range = read_stored_floats(folder, name + kRange, {2})};
  for (std::size_t c = 0; c < conv.factors.size(); ++c)
    if (!(conv.factors[c] > 0))
      refuse(folder, name + kFactors, fmt::format("the factor of channel {} is {:g}, not above 0", c, conv.factors[c]));
  if (!(conv.range[0] <= 0 && conv.range[1] >= 0))
    refuse(folder, name + kRange,
           fmt::format("the range goes from {:g} to {:g}, and 0 is not within", conv.range[0], conv.range[1]));
  return conv;
}

StoredMatrix read_matrix(const ModelFolder& folder, const std::string& name, std::int64_t out, std::int64_t in,
                         LayerPlan::Kind kind) {
  StoredMatrix matrix = read_stored(folder, stored_matrix_format(kind), name, out, in);
  if (std::any_of(matrix.scales.begin(), matrix.scales.end(), [](float scale) { return scale < 0; }))
    refuse(folder, name + ".scales", "a scale is below 0");
  matrix.format = matrix_format(kind);
  return matrix;
}

std::vector<std::string> conv_tensors(const std::string& name) {
  return {name, name + ".scales", name + kFactors, name + kRange};
}

std::vector<std::string> matrix_tensors(const std::string& name, LayerPlan::Kind kind) {
  return stored_names(name, stored_matrix_format(kind));
}

std::vector<TensorView> conv_views(const std::string& name, const QuantisedConv& conv) {
  std::vector<TensorView> views = kernel_views(name, conv.shape, conv.kernel);
  for (const auto& [suffix, values] : {std::pair{kFactors, &conv.factors}, std::pair{kRange, &conv.range}})
    views.push_back({.name = name + suffix,
                     .dtype = DType::f32,
                     .shape = {static_cast<std::int64_t>(values->size())},
                     .bytes = std::as_bytes(std::span(*values))});
  return views;
}

}  // namespace dynexec::diffusers
