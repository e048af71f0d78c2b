#include "compress/layered_network.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "models/decoder.hpp"
#include "models/encoder.hpp"
#include "models/json_fields.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

std::vector<float> read_values(const ModelFolder& folder, const std::string& name,
                               const std::vector<std::int64_t>& shape) {
  const TensorView view = folder.require(name, shape);
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  return values;
}

class DecoderRun final : public LayeredRun {
 public:
  DecoderRun(const std::shared_ptr<const Decoder>& decoder, std::int64_t longest)
      : layers_(decoder->config().layers), session_(decoder, longest) {}

  void text(const std::vector<std::int32_t>& ids, std::int64_t layer) override {
    session_.truncate(0);
    if (layer + 1 < layers_)
      session_.forward_early(ids, layer + 1, 0);
    else
      session_.forward(ids, static_cast<std::int64_t>(ids.size()));  // rows without logits end before the last layer
  }

 private:
  std::int64_t layers_;
  DecoderSession session_;
};

class EncoderRun final : public LayeredRun {
 public:
  explicit EncoderRun(std::shared_ptr<const Encoder> encoder) : session_(std::move(encoder)) {}

  void text(const std::vector<std::int32_t>& ids, std::int64_t layer) override {
    session_.start(ids);
    session_.run_to(layer);
  }

 private:
  EncoderSession session_;
};

class DecoderLayers final : public LayeredNetwork {
 public:
  explicit DecoderLayers(const ModelFolder& folder) : folder_(folder), config_(parse_decoder_config(folder)) {}

  std::int64_t layers() const override { return config_.layers; }
  std::int64_t max_tokens() const override { return config_.max_positions; }

  // GPT-2 keeps its matrices as [in, out].
  std::vector<float> values(const std::string& name, std::int64_t out, std::int64_t in) const override {
    if (config_.family != "gpt2") return read_values(folder_, name, {out, in});
    const std::vector<float> turned = read_values(folder_, name, {in, out});
    std::vector<float> values(turned.size());
    for (std::int64_t k = 0; k < in; ++k)
      for (std::int64_t n = 0; n < out; ++n)
        values[static_cast<std::size_t>(n * in + k)] = turned[static_cast<std::size_t>(k * out + n)];
    return values;
  }

  std::unique_ptr<LayeredRun> load(const LayerHooks& hooks, std::int64_t longest) const override {
    const WeightSource source = [this](const std::string& name, const std::vector<std::int64_t>& shape) {
      return read_values(folder_, name, shape);
    };
    return std::make_unique<DecoderRun>(Decoder::build(config_, source, {.formats = {}, .hooks = hooks}), longest);
  }

 private:
  const ModelFolder& folder_;
  DecoderConfig config_;
};

class EncoderLayers final : public LayeredNetwork {
 public:
  explicit EncoderLayers(const ModelFolder& folder) : folder_(folder), config_(parse_encoder_config(folder)) {}

  std::int64_t layers() const override { return config_.layers; }
  std::int64_t max_tokens() const override { return config_.max_positions; }

  std::vector<float> values(const std::string& name, std::int64_t out, std::int64_t in) const override {
    return read_values(folder_, name, {out, in});
  }

  std::unique_ptr<LayeredRun> load(const LayerHooks& hooks, std::int64_t) const override {
    return std::make_unique<EncoderRun>(Encoder::build(folder_, hooks));
  }

 private:
  const ModelFolder& folder_;
  EncoderConfig config_;
};

void require_family(const ModelFolder& folder) {
  std::vector<std::string> families;
  for (const auto known : {decoder_families(), encoder_families()})
    families.insert(families.end(), known.begin(), known.end());
  const JsonFields config(folder.config(), (folder.path() / "config.json").string());
  const std::string family = config.text("model_type", "");
  if (std::find(families.begin(), families.end(), family) != families.end()) return;
  if (family.empty()) config.refuse("model_type", "the key is missing", "use a model folder in Hugging Face layout");
  const std::string near = nearest_name(family, families);
  config.refuse("model_type",
                "networks of type '" + family + "' are not quantised" + (near.empty() ? "" : "; did you mean " + near),
                fmt::format("name a language model or a text encoder: {}", fmt::join(families, ", ")));
}

}  // namespace

std::unique_ptr<const LayeredNetwork> LayeredNetwork::open(const ModelFolder& folder) {
  require_family(folder);
  require_plain_weights(folder);
  if (is_encoder_config(folder.config())) return std::make_unique<EncoderLayers>(folder);
  return std::make_unique<DecoderLayers>(folder);
}

}  // namespace dynexec
