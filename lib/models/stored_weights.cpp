#include "models/stored_weights.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr const char* kKey = "quantization_config";
constexpr const char *kScales = ".scales", *kMinima = ".minima";
constexpr std::int8_t kNoCode = -128;  // of int8; integer products rely on codes and their negatives
constexpr const char* kWriteAnew = "write the folder anew with dynexec compress quantize";
constexpr const char* kReadFormats =
    "int8, int8-g32, int4-g32, int4-g64 and int4-g128 are read, with exceptions as in int4-g32+v_proj=int8";

std::int64_t code_columns(const WeightFormat& format, std::int64_t in) {
  return format.type == WeightType::int4 ? (in + 1) / 2 : in;
}

TensorView require_type(const ModelFolder& folder, const std::string& name, const std::vector<std::int64_t>& shape,
                        DType dtype) {
  const TensorView view = folder.require(name, shape);
  if (view.dtype != dtype)
    throw Error(ErrorKind::model, "the tensor is of type " + dtype_name(view.dtype) + ", not " + dtype_name(dtype),
                (folder.path() / name).string(), kWriteAnew);
  return view;
}

std::vector<float> read_numbers(const ModelFolder& folder, const std::string& name, std::int64_t out,
                                const StoredMatrix& matrix) {
  const DType dtype = matrix.format.group > 0 ? DType::f16 : DType::f32;
  const TensorView view = require_type(folder, name, {out, matrix.groups()}, dtype);
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  return values;
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> packed_codes(const StoredMatrix& matrix) {
  if (matrix.format.type == WeightType::int8) return bytes_of(matrix.codes);
  const std::int64_t columns = code_columns(matrix.format, matrix.in);
  std::vector<std::byte> bytes(static_cast<std::size_t>(matrix.out * columns));
  for (std::int64_t n = 0; n < matrix.out; ++n)
    for (std::int64_t k = 0; k < matrix.in; ++k) {
      const auto code = static_cast<std::byte>(matrix.codes[static_cast<std::size_t>(n * matrix.in + k)]);
      bytes[static_cast<std::size_t>(n * columns + k / 2)] |= k % 2 == 0 ? code : code << 4;
    }
  return bytes;
}

std::vector<std::byte> packed_numbers(const StoredMatrix& matrix, const std::vector<float>& values) {
  if (matrix.format.group == 0) return bytes_of(values);
  std::vector<std::uint16_t> halves;
  for (const float value : values) halves.push_back(to_fp16(value));
  return bytes_of(halves);
}

}  // namespace

void refuse_quantised_by_others(const JsonFields& config) {
  if (config.has(kKey) && config.child(kKey).text("quant_method", "") != kQuantisedByUs)
    config.refuse(kKey, "checkpoints quantised by others are not supported",
                  "use the checkpoint in fp32, fp16 or bf16 that it was made from");
}

std::optional<JsonFields> quantisation_fields(const JsonFields& config) {
  if (!config.has(kKey)) return std::nullopt;
  JsonFields fields = config.child(kKey);
  const std::string method = fields.text("quant_method", "");
  if (method != kQuantisedByUs)
    fields.refuse("quant_method", "weights quantised by '" + method + "' are not read",
                  "take the checkpoint as it was before, and quantise it with dynexec compress quantize");
  return fields;
}

std::optional<LayerFormats> folder_formats(const ModelFolder& folder) {
  const JsonFields config(folder.config(), (folder.path() / "config.json").string());
  const std::optional<JsonFields> found = quantisation_fields(config);
  if (!found) return std::nullopt;
  const JsonFields& fields = *found;
  const std::string name = fields.text("format", "");
  LayerFormats formats;
  try {
    formats = LayerFormats::parse(name);
  } catch (const Error& error) {
    fields.refuse("format", "unknown format '" + name + "': " + error.message(), kReadFormats);
  }
  if (const auto problem = folder_problem(formats))
    fields.refuse("format", "unknown format '" + name + "': " + *problem, kReadFormats);
  return formats;
}

std::optional<std::string> folder_problem(const LayerFormats& formats) {
  if (formats.quantised() && !formats.rounded_inputs()) return std::nullopt;
  return "folders are written in int8 and int4 formats, not " + formats.name();
}

LayerFormats loaded_formats(const ModelFolder& folder, const LayerFormats& wanted) {
  const std::optional<LayerFormats> stored = folder_formats(folder);
  if (!stored) return wanted;
  if (wanted == LayerFormats()) return *stored;
  if (wanted.without_rounded_inputs() != *stored)
    throw Error(ErrorKind::config, "the folder's weights are " + stored->name() + ", not " + wanted.name(),
                folder.path().string(), "leave the format out, or name the folder that it was made from");
  return wanted;
}

FormatsOrigin formats_origin(const ModelFolder& folder) {
  if (!folder_formats(folder)) return {.kind = ErrorKind::config, .where = folder.path().string()};
  return {.kind = ErrorKind::model, .where = (folder.path() / "config.json").string()};
}

void require_plain_weights(const ModelFolder& folder) {
  if (folder_formats(folder))
    throw Error(ErrorKind::config, "the folder's weights are quantised already", folder.path().string(),
                "name the folder that it was made from");
}

nlohmann::json folder_formats_json(const LayerFormats& formats) {
  return {{"quant_method", kQuantisedByUs}, {"format", formats.name()}};
}

StoredMatrix read_stored(const ModelFolder& folder, const WeightFormat& format, const std::string& name,
                         std::int64_t out, std::int64_t in) {
  if (!folder.find(name + kScales))
    throw Error(ErrorKind::model, "the matrix has no scales, and config.json says that it is " + format.name(),
                (folder.path() / name).string(), kWriteAnew);
  StoredMatrix matrix{.format = format, .out = out, .in = in};
  const bool nibbles = format.type == WeightType::int4;
  const std::int64_t columns = code_columns(format, in);
  const TensorView codes = require_type(folder, name, {out, columns}, nibbles ? DType::u8 : DType::i8);
  matrix.scales = read_numbers(folder, name + kScales, out, matrix);
  if (nibbles) matrix.minima = read_numbers(folder, name + kMinima, out, matrix);
  matrix.codes.resize(static_cast<std::size_t>(out * in));
  for (std::int64_t n = 0; n < out; ++n)
    for (std::int64_t k = 0; k < in; ++k) {
      const std::byte byte = codes.bytes[static_cast<std::size_t>(n * columns + (nibbles ? k / 2 : k))];
      const std::byte code = !nibbles ? byte : k % 2 == 0 ? byte & std::byte{15} : byte >> 4;
      matrix.codes[static_cast<std::size_t>(n * in + k)] = static_cast<std::int8_t>(code);
    }
  if (std::find(matrix.codes.begin(), matrix.codes.end(), kNoCode) != matrix.codes.end())
    throw Error(ErrorKind::model, "the tensor has the code -128, and codes are -127 to 127",
                (folder.path() / name).string(), kWriteAnew);
  return matrix;
}

StoredSource stored_source(const ModelFolder& folder) {
  using Found = std::optional<StoredMatrix>;
  return [&folder, formats = folder_formats(folder)](const std::string& name, std::int64_t out, std::int64_t in) {
    const bool stored = formats && formats->of(name).quantised();
    return stored ? Found(read_stored(folder, formats->of(name), name, out, in)) : std::nullopt;
  };
}

std::vector<std::string> stored_names(const std::string& name, const WeightFormat& format) {
  if (format.type == WeightType::int4) return {name, name + kScales, name + kMinima};
  return {name, name + kScales};
}

StoredTensors::StoredTensors(const std::string& name, const StoredMatrix& matrix) {
  const bool nibbles = matrix.format.type == WeightType::int4;
  bytes_.reserve(3);  // views point into it
  add(name, nibbles ? DType::u8 : DType::i8, matrix.out, code_columns(matrix.format, matrix.in), packed_codes(matrix));
  const DType numbers = matrix.format.group > 0 ? DType::f16 : DType::f32;
  add(name + kScales, numbers, matrix.out, matrix.groups(), packed_numbers(matrix, matrix.scales));
  if (nibbles) add(name + kMinima, numbers, matrix.out, matrix.groups(), packed_numbers(matrix, matrix.minima));
}

void StoredTensors::add(const std::string& name, DType dtype, std::int64_t out, std::int64_t columns,
                        std::vector<std::byte> bytes) {
  bytes_.push_back(std::move(bytes));
  views.push_back({.name = name, .dtype = dtype, .shape = {out, columns}, .bytes = bytes_.back()});
}

}  // namespace dynexec
