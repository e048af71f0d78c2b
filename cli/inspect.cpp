// dynexec inspect: what a model folder or a safetensors file holds, after all checks.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "data/tokenizer.hpp"
#include "models/cnn_stored.hpp"
#include "models/decoder.hpp"
#include "models/encoder.hpp"
#include "models/exit_heads.hpp"
#include "models/stored_weights.hpp"
#include "pictures/picture_model.hpp"

namespace dynexec::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

Json describe_file(const std::filesystem::path& path) {
  const auto file = SafetensorsFile::open(path);
  Json tensors = Json::array();
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : file->tensors()) {
    tensors.push_back({{"name", name}, {"type", dtype_name(tensor.dtype)}, {"shape", tensor.shape}});
    elements += tensor.elements();
  }
  return {{"file", path.string()}, {"tensors", tensors}, {"elements", elements}, {"metadata", file->metadata()}};
}

Json describe_network(const std::filesystem::path& path, const ModelFolder& folder) {
  const auto network = Cnn::load(folder);
  const CnnConfig& config = network->config();
  Json units = Json::array(), exits = Json::array();
  for (const CnnUnit& unit : network->units()) units.push_back(unit.name);
  for (const ExitPoint& exit : load_exit_heads(folder, *network)) exits.push_back(exit.unit);
  return {{"model", path.string()},
          {"family", config.family == CnnFamily::resnet ? "resnet" : "vgg"},
          {"weights", cnn_in_int8(folder) ? "int8" : "fp32"},
          {"parameters", network->parameters()},
          {"macs", network->macs()},
          {"image", {config.in_channels, config.image_size, config.image_size}},
          {"classes", config.classes},
          {"units", units},
          {"exits", exits},
          {"tensors", folder.tensor_names().size()},
          {"sha256", folder.sha256()}};
}

void add_tokenizer(Json& json, const std::filesystem::path& path) {
  if (std::filesystem::exists(path / "tokenizer.json"))
    json["tokenizer_vocab"] = Tokenizer::load(path)->vocab_size();
  else
    json["tokenizer_vocab"] = nullptr;
}

// Whether it belongs to a layer with a number: model.layers.0.x, encoder.layer.0.x, transformer.h.0.x.
bool in_layer(const std::string& name) {
  for (const char* word : {".layers.", ".layer.", ".h."}) {
    const std::size_t at = ("." + name).find(word);
    if (at != std::string::npos) return std::isdigit(static_cast<unsigned char>(name[at + std::strlen(word) - 1])) != 0;
  }
  return false;
}

// Formats of the layers' matrices: "int4-g32+v_proj=int8", or the types of plain numbers: "BF16 as stored".
std::string describe_weights(const ModelFolder& folder) {
  if (const auto formats = folder_formats(folder)) return formats->name();
  std::set<std::string> types;
  for (const std::string& name : folder.tensor_names())
    if (in_layer(name) && folder.find(name)->shape.size() == 2) types.insert(dtype_name(folder.find(name)->dtype));
  return fmt::format("{} as stored", fmt::join(types, " and "));
}

Json describe_encoder(const std::filesystem::path& path, const ModelFolder& folder) {
  const auto encoder = Encoder::load(folder);
  const EncoderConfig& config = encoder->config();
  Json exits = Json::array();
  for (const EncoderExit& exit : load_encoder_exits(folder, config)) exits.push_back(exit.layer);
  Json json{{"model", path.string()},
            {"family", config.family},
            {"parameters", encoder->parameters()},
            {"layers", config.layers},
            {"hidden", config.hidden},
            {"heads", config.heads},
            {"intermediate", config.intermediate},
            {"vocab", config.vocab},
            {"max_positions", config.max_positions},
            {"classes", config.classes},
            {"class_names", config.class_names},
            {"exits", exits},
            {"weights", describe_weights(folder)},
            {"tensors", folder.tensor_names().size()},
            {"sha256", folder.sha256()}};
  add_tokenizer(json, path);
  return json;
}

Json describe_pipeline(const std::filesystem::path& path) {
  const auto model = load_picture_model(path);
  const auto stored = model->stored_weights();
  const ImageShape latents = model->latent_shape(), picture = model->picture_shape();
  return {{"model", path.string()},
          {"family", "diffusers pipeline"},
          {"weights", !stored                             ? "fp32"
                      : *stored == QuantisedWeights::int8 ? "int8"
                                                          : "int4"},
          {"parameters", model->parameters()},
          {"takes_text", model->takes_text()},
          {"latents", {latents.channels, latents.height, latents.width}},
          {"picture", {picture.channels, picture.height, picture.width}},
          {"sha256", model->sha256()}};
}

Json describe_model(const std::filesystem::path& path) {
  if (std::filesystem::exists(path / "model_index.json")) return describe_pipeline(path);
  const ModelFolder folder = ModelFolder::open(path);
  if (is_cnn_config(folder.config())) return describe_network(path, folder);
  if (is_encoder_config(folder.config())) return describe_encoder(path, folder);
  // Loading checks every tensor's presence and shape, not the header alone.
  const auto decoder = Decoder::load(folder);
  const DecoderConfig& config = decoder->config();
  Json json{{"model", path.string()},
            {"family", config.family},
            {"parameters", decoder->parameters()},
            {"layers", config.layers},
            {"hidden", config.hidden},
            {"heads", config.heads},
            {"kv_heads", config.kv_heads},
            {"head_dim", config.head_dim},
            {"intermediate", config.intermediate},
            {"vocab", config.vocab},
            {"max_positions", config.max_positions},
            {"tied_head", config.tied_head},
            {"end_tokens", config.end_tokens},
            {"weights", describe_weights(folder)},
            {"weight_mb_per_token", decoder->weight_bytes() / 1e6},
            {"tensors", folder.tensor_names().size()},
            {"sha256", folder.sha256()}};
  add_tokenizer(json, path);
  return json;
}

}  // namespace

int inspect(const InspectArgs& args) {
  const std::filesystem::path path = resolve_path(args.path);
  const bool file = std::filesystem::is_regular_file(path);
  const Json json = file ? describe_file(path) : describe_model(path);
  if (parse_format(args.format) == Format::json) {
    print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return 0;
  }
  TextTable table{.columns = {{file ? "tensor" : "field", true}, {file ? "type" : "value", true}}, .rows = {}};
  if (file) {
    table.columns.push_back({"shape", true});
    for (const Json& tensor : json["tensors"])
      table.rows.push_back({{tensor["name"]}, {tensor["type"]}, {shape_text(tensor["shape"])}});
  } else {
    for (const auto& [key, value] : json.items())
      table.rows.push_back({{key}, {value.is_string() ? value.get<std::string>() : value.dump()}});
  }
  print(parse_format(args.format) == Format::md ? render_markdown_table(table)
                                                : render_text_table(table, stdout_style()));
  return 0;
}

}  // namespace dynexec::cli
