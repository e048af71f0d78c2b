// Decoders from model folders.
#include <set>

#include "base/error.hpp"
#include "models/decoder.hpp"
#include "models/stored_weights.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

// "h.0.attn.c_attn.weight" for "transformer.h.0.attn.c_attn.weight"; "" for names outside the layers.
std::string layer_part(const std::string& name, const std::string& marker) {
  std::size_t start = 0;
  while (true) {
    if (name.compare(start, marker.size(), marker) == 0) return name.substr(start);
    const std::size_t dot = name.find('.', start);
    if (dot == std::string::npos) return "";
    start = dot + 1;
  }
}

// Tensors inside the layers that the configuration does not explain would silently change the model.
void refuse_unknown_layer_tensors(const ModelFolder& folder, const std::string& marker,
                                  const std::set<std::string>& used) {
  for (const std::string& name : folder.tensor_names()) {
    const bool buffer =
        name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || name.ends_with("inv_freq");
    const std::string part = layer_part(name, marker);
    if (part.empty() || buffer || used.contains(part)) continue;
    throw Error(ErrorKind::model, "the tensor is not part of the decoder that config.json describes",
                (folder.path() / name).string(), "check model_type, the number of layers and the bias switches");
  }
}

}  // namespace

std::shared_ptr<const Decoder> Decoder::load(const ModelFolder& folder, const DecoderFormats& wanted) {
  DecoderConfig config = parse_decoder_config(folder);
  const std::string marker = config.family == "gpt2" ? "h." : "layers.";
  std::set<std::string> used;
  const WeightSource source = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    const TensorView view = folder.require(name, shape);
    used.insert(layer_part(name, marker));
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    copy_as_f32(view, values);
    return values;
  };
  const StoredSource in_folder = stored_source(folder);
  const StoredSource stored = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    std::optional<StoredMatrix> matrix = in_folder(name, out, in);
    if (matrix)
      for (const std::string& part : stored_names(name, matrix->format)) used.insert(layer_part(part, marker));
    return matrix;
  };
  DecoderFormats formats = wanted;
  formats.layers = loaded_formats(folder, wanted.layers);
  std::shared_ptr<const Decoder> decoder =
      build(std::move(config), source,
            {.formats = formats, .origin = formats_origin(folder), .hooks = {.stored = stored, .observer = {}}});
  refuse_unknown_layer_tensors(folder, marker, used);
  return decoder;
}

std::shared_ptr<const Decoder> Decoder::load(const std::filesystem::path& folder, const DecoderFormats& formats) {
  return load(ModelFolder::open(folder), formats);
}

}  // namespace dynexec
