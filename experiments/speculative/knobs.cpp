// What dynexec tune may choose in speculative paths: with the own kernels their output does not change with it, only
// their speed.
#include "experiments/knobs.hpp"
#include "experiments/speculative/options.hpp"

namespace dynexec::speculative {
namespace {

struct Setting {
  const char* key;
  std::vector<double> values;
};

Setting setting_of(const PolicyOptions& policy) {
  if (policy.name == "constant" || policy.name == "heuristic")
    return {"length", {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20}};
  if (policy.name == "cost_aware") return {"max_length", {2, 4, 6, 8, 12, 16, 24, 32}};
  // SVIP compares the root of a weighted entropy, which has no upper end; the others compare probabilities.
  if (policy.name == "svip") return {"threshold", {0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1, 1.5}};
  return {"threshold", {0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0}};
}

}  // namespace

std::vector<Knob> knobs(const Node& root) {
  std::vector<Knob> knobs;
  const Options options = read_options(root);
  for (std::size_t i = 0; i < options.paths.size(); ++i) {
    const PathOptions& path = options.paths[i];
    if (!path.speculative()) continue;
    Setting setting = setting_of(path.policy);
    // On a device, how many tokens are verified together may decide between two nearly equal ones.
    knobs.push_back({.path = i,
                     .name = path.name,
                     .key = setting.key,
                     .values = std::move(setting.values),
                     .lossy = path.weights.device != ComputeDevice::cpu});
  }
  return knobs;
}

}  // namespace dynexec::speculative
