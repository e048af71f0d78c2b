#include "models/cnn_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "models/json_fields.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMaxClasses = 100'000, kMaxChannels = 4096, kMaxImage = 1024, kMaxBlocks = 256, kMaxLayers = 256,
                       kMaxHidden = 65'536;
constexpr const char* kHint =
    "supported are resnet18, resnet34, vgg11_bn to vgg19_bn and cifar_resnet20 to cifar_resnet110";

std::vector<std::int64_t> vgg_layers(std::vector<std::int64_t> convolutions) {
  const std::array<std::int64_t, 5> channels{64, 128, 256, 512, 512};
  std::vector<std::int64_t> layers;
  for (std::size_t stage = 0; stage < channels.size(); ++stage) {
    layers.insert(layers.end(), static_cast<std::size_t>(convolutions[stage]), channels[stage]);
    layers.push_back(0);
  }
  return layers;
}

std::optional<CnnConfig> known_architecture(const std::string& name) {
  const std::map<std::string, std::vector<std::int64_t>> resnets{{"resnet18", {2, 2, 2, 2}},
                                                                 {"resnet34", {3, 4, 6, 3}}},
      vggs{{"vgg11_bn", {1, 1, 2, 2, 2}},
           {"vgg13_bn", {2, 2, 2, 2, 2}},
           {"vgg16_bn", {2, 2, 3, 3, 3}},
           {"vgg19_bn", {2, 2, 4, 4, 4}}};
  CnnConfig config;
  config.image_size = 224;
  config.classes = 1000;
  if (const auto found = resnets.find(name); found != resnets.end()) {
    config.depths = found->second;
    config.widths = {64, 128, 256, 512};
    config.wide_stem = true;
    return config;
  }
  if (const auto found = vggs.find(name); found != vggs.end()) {
    config.family = CnnFamily::vgg;
    config.layers = vgg_layers(found->second);
    config.classifier = {4096, 4096};
    config.pooled_size = 7;
    return config;
  }
  const std::string prefix = "cifar_resnet";
  if (name.rfind(prefix, 0) != 0 || name.size() > prefix.size() + 4) return std::nullopt;
  std::int64_t depth = 0;
  for (const char c : name.substr(prefix.size())) {
    if (c < '0' || c > '9') return std::nullopt;
    depth = 10 * depth + (c - '0');
  }
  if (depth < 8 || depth > 1202 || (depth - 2) % 6 != 0) return std::nullopt;
  config = {};
  config.depths = std::vector<std::int64_t>(3, (depth - 2) / 6);
  config.widths = {16, 32, 64};
  config.padded_shortcut = true;
  return config;
}

CnnConfig written_out(const JsonFields& fields, const std::string& type) {
  CnnConfig config;
  if (type == "resnet") {
    config.depths = fields.integers("depths", 1, kMaxBlocks);
    const bool published = fields.has("hidden_sizes");  // transformers' ResNet
    config.widths = fields.integers(published ? "hidden_sizes" : "widths", 1, kMaxChannels);
    if (config.depths.empty()) fields.refuse("depths", "the key is missing", "write the blocks of each stage");
    if (config.widths.size() != config.depths.size())
      fields.refuse("widths", fmt::format("{} widths for {} stages", config.widths.size(), config.depths.size()),
                    "write one width for each stage of depths");
    if (published) {
      config.classes = fields.has("id2label") ? static_cast<std::int64_t>(fields.object().at("id2label").size()) : 1000;
      config.image_size = 224;
      if (fields.integer("embedding_size", 1, kMaxChannels, 64) != config.widths.front())
        fields.refuse("embedding_size", "a first stage wider than its input is not supported", kHint);
      if (fields.boolean("downsample_in_first_stage", false))
        fields.refuse("downsample_in_first_stage", "a stride in the first stage is not supported", kHint);
    }
    const std::string stem = fields.text("stem", published ? "imagenet" : "cifar"),
                      shortcut = fields.text("shortcut", "projection");
    if (stem != "cifar" && stem != "imagenet")
      fields.refuse("stem", "unknown stem '" + stem + "'", "use cifar or imagenet");
    if (shortcut != "pad" && shortcut != "projection")
      fields.refuse("shortcut", "unknown shortcut '" + shortcut + "'", "use pad or projection");
    config.wide_stem = stem == "imagenet";
    config.padded_shortcut = shortcut == "pad";
    return config;
  }
  config.family = CnnFamily::vgg;
  config.layers = fields.integers("layers", 0, kMaxChannels);
  if (config.layers.empty() || config.layers.size() > static_cast<std::size_t>(kMaxLayers) ||
      config.layers.front() == 0)
    fields.refuse("layers", "expected the channels of each convolution, 0 for a pool",
                  "start with a convolution; see models/ for an example");
  config.classifier = fields.integers("classifier", 1, kMaxHidden);
  config.pooled_size = fields.integer("pooled_size", 1, 32, 1);
  return config;
}

std::vector<float> statistics(const JsonFields& fields, const std::string& key, double low, double absent,
                              std::int64_t channels) {
  const JsonFields source = fields.has(key) || !fields.has("pretrained_cfg") ? fields : fields.child("pretrained_cfg");
  std::vector<float> result(static_cast<std::size_t>(channels), static_cast<float>(absent));
  if (!source.has(key)) return result;
  const nlohmann::json& values = source.object().at(key);
  const bool fits = values.is_array() && values.size() == result.size() &&
                    std::all_of(values.begin(), values.end(), [&](const nlohmann::json& value) {
                      return value.is_number() && value.get<double>() >= low && value.get<double>() <= 1e3;
                    });
  if (!fits) source.refuse(key, fmt::format("expected {} numbers", channels), "one for each input channel");
  for (std::size_t c = 0; c < result.size(); ++c) result[c] = values[c].get<float>();
  return result;
}

// Every map must keep at least one pixel.
void check_size(const JsonFields& fields, const CnnConfig& config) {
  std::int64_t size = config.image_size;
  const auto halve = [&] {
    if (size < 2) fields.refuse("image_size", "the image is too small for this many stages", "use a larger input");
    size = (size + 1) / 2;
  };
  if (config.family == CnnFamily::resnet) {
    if (config.wide_stem) halve(), halve();
    for (std::size_t stage = 1; stage < config.depths.size(); ++stage) halve();
    for (std::size_t stage = 1; config.padded_shortcut && stage < config.widths.size(); ++stage)
      if (config.widths[stage] < config.widths[stage - 1])
        fields.refuse("widths", "zero-padded shortcuts cannot narrow", "use shortcut: projection");
    return;
  }
  for (const std::int64_t layer : config.layers)
    if (layer == 0) {
      if (size < 2) fields.refuse("image_size", "the image is too small for this many pools", "use a larger input");
      size /= 2;
    }
}

}  // namespace

bool is_cnn_config(const nlohmann::json& config) {
  const auto text = [&](const char* key) {
    return config.contains(key) && config[key].is_string() ? config[key].get<std::string>() : "";
  };
  const std::string type = text("model_type");
  return type == "resnet" || type == "vgg" || known_architecture(text("architecture")).has_value();
}

CnnConfig parse_cnn_config(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  const std::string architecture = fields.text("architecture", ""), type = fields.text("model_type", "");
  CnnConfig config;
  if (type == "resnet" || type == "vgg") {
    if (fields.text("layer_type", "basic") != "basic")
      fields.refuse("layer_type", "bottleneck blocks are not supported", kHint);
    config = written_out(fields, type);
  } else if (const auto known = known_architecture(architecture)) {
    config = *known;
  } else {
    fields.refuse(architecture.empty() ? "model_type" : "architecture",
                  "the architecture '" + (architecture.empty() ? type : architecture) + "' is not supported", kHint);
  }
  config.classes = fields.integer("num_classes", 1, kMaxClasses, config.classes);
  config.in_channels = fields.integer("in_channels", 1, 16, config.in_channels);
  if (fields.has("pretrained_cfg")) {
    const std::vector<std::int64_t> size = fields.child("pretrained_cfg").integers("input_size", 1, kMaxImage);
    if (size.size() == 3) config.image_size = size[1];
  }
  config.image_size = fields.integer("image_size", 1, kMaxImage, config.image_size);
  config.mean = statistics(fields, "mean", -1e3, 0, config.in_channels);
  config.deviation = statistics(fields, "std", 1e-6, 1, config.in_channels);
  check_size(fields, config);
  return config;
}

}  // namespace dynexec
