#include "train/network_options.hpp"

#include "base/error.hpp"
#include "models/cnn_config.hpp"

namespace dynexec {

nlohmann::json read_network(const Node& node, std::int64_t classes) {
  nlohmann::json json;
  if (node.has("architecture")) {
    json["architecture"] = node.get_string("architecture");
  } else {
    json["model_type"] = node.get_choice("model_type", "resnet", {"resnet", "vgg"});
    const bool resnet = json["model_type"] == "resnet";
    for (const char* key : {"depths", "widths", "layers"})
      if (node.has(key)) json[key] = node.get_ints(key, {});
    if (resnet) {
      json["stem"] = node.get_choice("stem", "cifar", {"cifar", "imagenet"});
      json["shortcut"] = node.get_choice("shortcut", "projection", {"pad", "projection"});
    } else {
      json["pooled_size"] = node.get_int("pooled_size", 1, 1, 32);
      if (node.has("classifier")) json["classifier"] = node.get_ints("classifier", {});
    }
  }
  json["image_size"] = node.get_int("image_size", 32, 1, 1024);
  json["in_channels"] = node.get_int("in_channels", 3, 1, 16);
  json["num_classes"] = node.get_int("num_classes", classes, 2, 1'000'000);
  const std::vector<double> half(json["in_channels"].get<std::size_t>(), 0.5);
  json["mean"] = node.get_doubles("mean", half);
  json["std"] = node.get_doubles("std", half);
  try {
    (void)parse_cnn_config(json, "network");
  } catch (const Error& error) {
    node.fail("describes no network that can be built: " + error.message(), error.hint());
  }
  return json;
}

}  // namespace dynexec
