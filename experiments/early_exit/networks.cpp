#include "experiments/early_exit/networks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "data/shapes/field.hpp"
#include "experiments/early_exit/input_ranges.hpp"
#include "experiments/early_exit/multi_exit_encoder.hpp"
#include "experiments/text_class_task.hpp"
#include "models/cnn_stored.hpp"
#include "models/stored_weights.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::early_exit {
namespace {

[[noreturn]] void fail_without_exits(const ModelFolder& folder, const char* kind) {
  throw Error(ErrorKind::model, "the network has no exit heads", (folder.path() / "config.json").string(),
              std::string("train some: dynexec train with kind: ") + kind);
}

void check_label(const Node& node, int label, std::int64_t classes) {
  if (label >= classes)
    node.fail(fmt::format("has the label {}, and the network knows {} classes", label, classes),
              "use data of the classes that the network was trained on");
}

void check_labels(const Node& node, const Task& images, std::int64_t classes) {
  for (std::size_t i = 0; i < images.size(); ++i)
    check_label(node, std::any_cast<const ImageInput&>(images.sample(i).input).label, classes);
}

void check_labels(const Node& root, const ImageTasks& tasks, std::int64_t classes) {
  const Node task = root.at("task"), calibration = root.section("calibration");
  if (task.get_string("kind", "images") == "shapes") {  // of any class; there may be many, and large ones
    check_label(task, static_cast<int>(shapes::names().size()) - 1, classes);
    return;
  }
  check_labels(task, *tasks.test, classes);
  check_labels(calibration.has("files") ? calibration : task, *tasks.calibration, classes);
}

void check_format(const Node& root, const PathOptions& path) {
  if (path.weights != WeightFormat{} && path.weights.name() != "int8")
    path.weights_key(root).fail("is " + path.weights.name() + ", and weights of vision networks are fp32 or int8",
                                "use one of them, or a text encoder");
}

// Profiles take the counted bytes of weights for those of fp32.
void check_hardware(const Node& root, const LayerFormats& weights) {
  if (root.has("hardware") && weights != WeightFormat{})
    root.at("model").at("network").fail(
        "names a folder of " + weights.name() + " weights, and hardware profiles model fp32 weights",
        "leave hardware out, or name the folder that it was made from");
}

// A folder in int8 has learnt its ranges.
void take_stored_int8(const Node& root, Options& options) {
  if (root.has("quantisation"))
    root.at("quantisation")
        .fail("says what ranges are learnt from, and the folder of model.network is in int8 and has its ranges",
              "leave quantisation out (--set 'quantisation=~'), or name the folder that it was made from");
  for (PathOptions& path : options.paths) path.weights = weight_format("int8");
  check_hardware(root, options.paths.front().weights);
}

LoadedNetwork load_cnn(const Node& root, const ModelFolder& folder, Options& options) {
  for (const PathOptions& path : options.paths) check_format(root, path);
  const bool stored = cnn_in_int8(folder);
  if (stored) take_stored_int8(root, options);
  require_same_weights(options.paths);
  const std::shared_ptr<const Cnn> network = Cnn::load(folder);
  const ImageTasks tasks = read_images_of(root, network->config());
  check_labels(root, tasks, network->config().classes);
  const auto exits = std::make_shared<const std::vector<ExitPoint>>(load_exit_heads(folder, *network));
  if (exits->empty()) fail_without_exits(folder, "exits");
  LoadedNetwork loaded{
      .networks = {}, .test = tasks.test, .calibration = tasks.calibration, .provenance = tasks.provenance};
  for (const PathOptions& path : options.paths) {
    std::unique_ptr<MultiExit>& found = loaded.networks[path.weights.name()];
    if (found) continue;
    const bool learnt = !stored && path.weights != WeightFormat{};
    const CnnRanges ranges = learnt ? learn_ranges(root, network, *tasks.calibration, nullptr) : CnnRanges();
    found = std::make_unique<MultiExitCnn>(learnt ? Cnn::load(folder, ranges) : network, exits);
  }
  loaded.provenance.insert(loaded.provenance.begin(), {.role = "network", .parameters = network->parameters()});
  return loaded;
}

LoadedNetwork load_encoder(const Node& root, const ModelFolder& folder, Options& options) {
  const EncoderConfig config = parse_encoder_config(folder);
  for (PathOptions& path : options.paths) path.weights = loaded_formats(folder, path.weights);
  require_same_weights(options.paths);
  EncoderParts parts;
  parts.exits = std::make_shared<const std::vector<EncoderExit>>(load_encoder_exits(folder, config));
  if (parts.exits->empty()) fail_without_exits(folder, "encoder");
  parts.mean = parse_encoder_exits(folder.config(), (folder.path() / "config.json").string(), config.layers).mean;
  parts.tokenizer = Tokenizer::load(folder.path());
  parts.max_tokens = root.at("model").get_int("max_tokens", config.max_positions, 2, config.max_positions);
  const TextClassTasks tasks = read_text_class_tasks(root, config.classes, config.class_names);
  LoadedNetwork loaded{
      .networks = {}, .test = tasks.test, .calibration = tasks.calibration, .provenance = tasks.provenance};
  for (const PathOptions& path : options.paths) {
    check_hardware(root, path.weights);
    std::unique_ptr<MultiExit>& network = loaded.networks[path.weights.name()];
    if (network) continue;
    parts.encoder = Encoder::load(folder, path.weights);
    network = std::make_unique<MultiExitEncoder>(std::make_shared<const EncoderParts>(parts));
  }
  loaded.provenance.insert(loaded.provenance.begin(), {.role = "network", .parameters = parts.encoder->parameters()});
  return loaded;
}

struct Kind {
  bool (*describes)(const nlohmann::json& config);
  LoadedNetwork (*load)(const Node& root, const ModelFolder& folder, Options& options);
};
constexpr Kind kKinds[] = {{is_cnn_config, load_cnn}, {is_encoder_config, load_encoder}};

}  // namespace

LoadedNetwork load_network(const Node& root, Options& options) {
  const ModelFolder folder = ModelFolder::open(resolve_path(options.network));
  for (const Kind& kind : kKinds) {
    if (!kind.describes(folder.config())) continue;
    LoadedNetwork loaded = kind.load(root, folder, options);
    loaded.provenance.front().path = options.network;
    loaded.provenance.front().sha256 = folder.sha256();
    return loaded;
  }
  throw Error(ErrorKind::model, "no network of this kind can be left early", (folder.path() / "config.json").string(),
              "use a ResNet or VGG, or a BERT or DistilBERT encoder");
}

}  // namespace dynexec::early_exit
