#include "train/scene_classifier_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "data/scenes/labels.hpp"
#include "train/complexities.hpp"
#include "train/network_options.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;

nlohmann::json read_scene_network(const Node& node) {
  const auto labels = static_cast<std::int64_t>(scenes::label_names().size());
  nlohmann::json network = read_network(node, labels);
  if (network["image_size"] != scenes::kImageSize || network["in_channels"] != 3 || network["num_classes"] != labels)
    node.fail("does not fit scenes",
              fmt::format("scenes are 3 x {0} x {0} and have {1} labels; leave image_size, in_channels and "
                          "num_classes out",
                          scenes::kImageSize, labels));
  return network;
}

}  // namespace

SceneClassifierOptions read_scene_classifier_options(const Node& root, const std::string& config_path) {
  SceneClassifierOptions options;
  options.config_path = config_path;
  (void)root.get_choice("kind", "scene_classifier", {"scene_classifier"});
  options.output = root.get_string("output");
  options.work = root.get_string("work", options.output + ".work");
  options.title = root.get_string("title", options.output.substr(options.output.find_last_of('/') + 1));
  options.license = root.get_string("license", options.license);
  options.seed = static_cast<std::uint64_t>(root.get_int("seed", 1, 0, 1LL << 53));
  options.threads = static_cast<int>(root.get_int("threads", 1, 0, 1024));
  options.network = read_scene_network(root.at("network"));

  const Node data = root.section("data");
  options.scenes.complexities = read_complexities(data);
  options.scenes.seed = static_cast<std::uint64_t>(data.get_int("seed", 1, 0, 1LL << 53));
  options.evaluation = data.get_int("evaluation", options.evaluation, 1, 1'000'000);
  try {
    options.scenes.check();
  } catch (const Error& error) {
    data.fail("describes no scenes: " + error.message(), error.hint());
  }
  Disturbance& disturbance = options.disturbance;
  disturbance.noise = data.get_double("noise", disturbance.noise, 0, 1);
  disturbance.blur = data.get_double("blur", disturbance.blur, 0, 1.0 / 3);
  disturbance.light = data.get_double("light", disturbance.light, 0, 1);

  const Node optimiser = root.section("optimiser");
  options.batch = optimiser.get_int("batch", options.batch, 2, 8192);
  OptimiserOptions& o = options.optimiser;
  o.steps = optimiser.get_int("steps", o.steps, 1, kMany);
  o.learning_rate = optimiser.get_double("learning_rate", o.learning_rate, 1e-9, 10);
  o.final_share = optimiser.get_double("final_share", o.final_share, 0, 1);
  o.warmup = optimiser.get_int("warmup", o.warmup, 0, kMany);
  o.weight_decay = optimiser.get_double("weight_decay", 0.01, 0, 10);
  o.beta2 = optimiser.get_double("beta2", 0.99, 0, 0.999999);
  o.clip = optimiser.get_double("clip", 0.0, 0, 1e6);
  options.checkpoint_every = root.get_int("checkpoint_every", options.checkpoint_every, 0, kMany);
  options.eval_every = root.get_int("eval_every", options.eval_every, 0, kMany);
  return options;
}

std::string fingerprint_of(const SceneClassifierOptions& o) {
  return sha256_hex(fmt::format(
      "scene classifier 1|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", fmt::join(scenes::label_names(), ","),
      o.network.dump(), o.seed, fmt::join(o.scenes.complexities, ","), o.scenes.seed, o.disturbance.noise,
      o.disturbance.blur, o.disturbance.light, o.batch, o.optimiser.steps, o.optimiser.learning_rate,
      o.optimiser.final_share, o.optimiser.warmup, o.optimiser.weight_decay, o.optimiser.beta2, o.optimiser.clip));
}

}  // namespace dynexec
