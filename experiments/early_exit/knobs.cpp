// What dynexec tune may choose in paths that leave early.
#include "experiments/knobs.hpp"
#include "experiments/early_exit/options.hpp"

namespace dynexec::early_exit {

std::vector<Knob> knobs(const Node& root) {
  // A thousand exits that agree never come: the network runs to its end.
  const std::vector<double> counts{1000, 48, 32, 24, 20, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  std::vector<Knob> knobs;
  const Options options = read_options(root);
  for (std::size_t i = 0; i < options.paths.size(); ++i) {
    const PathOptions& path = options.paths[i];
    if (path.method != Method::early_exit) continue;
    const bool votes = path.rule.name == "vote", counted = votes || path.rule.name == "patience";
    knobs.push_back({.path = i,
                     .name = path.name,
                     .key = votes     ? "votes"
                            : counted ? "patience"
                                      : "threshold",
                     .values = counted ? counts : score_thresholds(),
                     .lossy = true});
  }
  return knobs;
}

}  // namespace dynexec::early_exit
