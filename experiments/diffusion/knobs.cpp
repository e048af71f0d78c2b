// What dynexec tune may choose in diffusion paths.
#include "experiments/knobs.hpp"
#include "experiments/diffusion/options.hpp"

namespace dynexec::diffusion {
namespace {

// Root mean square changes of the clean image; 0 never stops.
const std::vector<double> kThresholds{0,    0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.013, 0.017,
                                      0.02, 0.025, 0.03,  0.04,  0.05,  0.06,  0.08, 0.1};
const std::vector<double> kSteps{100, 80, 60, 50, 40, 35, 30, 25, 20, 17, 15, 12, 10, 8, 7, 6, 5};
// Evaluations of which one is whole.
const std::vector<double> kIntervals{1, 2, 3, 4, 5, 6, 8};
// Cosines from which guidance is left out; 2 is never reached.
const std::vector<double> kAgreements{2, 0.9999, 0.9995, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9};

}  // namespace

std::vector<Knob> knobs(const Node& root) {
  std::vector<Knob> knobs;
  // Which settings there are does not depend on the model.
  const Options options = read_options(root, {}, true);
  for (std::size_t i = 1; i < options.paths.size(); ++i) {
    const PathOptions& path = options.paths[i];
    const auto add = [&](const char* key, const std::vector<double>& values) {
      knobs.push_back({.path = i, .name = path.name, .key = key, .values = values, .lossy = true});
    };
    if (path.draw.stop_below > 0) add("threshold", kThresholds);
    if (path.draw.cache_interval > 1) add("cache_interval", kIntervals);
    if (path.draw.guidance_agreement < 1) add("guidance_agreement", kAgreements);
    if (path.method == Method::fixed && path.like.empty()) add("steps", kSteps);
  }
  return knobs;
}

}  // namespace dynexec::diffusion
