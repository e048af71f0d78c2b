// What dynexec tune may choose in diffusion paths.
#include "experiments/knobs.hpp"
#include "experiments/diffusion/options.hpp"

namespace dynexec::diffusion {
namespace {

// Root mean square changes of the clean image; 0 never stops.
const std::vector<double> kThresholds{0,    0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.013, 0.017,
                                      0.02, 0.025, 0.03,  0.04,  0.05,  0.06,  0.08, 0.1};
const std::vector<double> kSteps{100, 80, 60, 50, 40, 35, 30, 25, 20, 17, 15, 12, 10, 8, 7, 6, 5};

}  // namespace

std::vector<Knob> knobs(const Node& root) {
  std::vector<Knob> knobs;
  const Options options = read_options(root);
  for (std::size_t i = 1; i < options.paths.size(); ++i) {
    const PathOptions& path = options.paths[i];
    if (path.method == Method::converged)
      knobs.push_back({.path = i, .name = path.name, .key = "threshold", .values = kThresholds, .lossy = true});
    if (path.method == Method::fixed && path.like.empty())
      knobs.push_back({.path = i, .name = path.name, .key = "steps", .values = kSteps, .lossy = true});
  }
  return knobs;
}

}  // namespace dynexec::diffusion
