// What dynexec tune may choose in paths that leave early.
#include "experiments/knobs.hpp"
#include "experiments/early_exit/options.hpp"

namespace dynexec::early_exit {
namespace {

// A thousand exits that agree never come: the network runs to its end.
const std::vector<double> kCounts{1000, 48, 32, 24, 20, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
// Largest logit over its mean at the exit.
const std::vector<double> kLogits{1e6, 40,  30, 24,  20, 17,  14, 12,  10,  9,   8, 7,   6,
                                  5,   4.5, 4,  3.5, 3,  2.5, 2,  1.7, 1.4, 1.2, 1, 0.8, 0.6};
// Of an answer that is not the whole network's, in costs of the whole network.
const std::vector<double> kPrices{1000, 500, 300, 200, 150, 100, 70, 50, 40,  30, 25,  20, 16,
                                  13,   10,  8,   6,   5,   4,   3,  2,  1.5, 1,  0.7, 0.5};

bool saves_time(const PathOptions& path) {
  if (path.method == Method::predictive) return path.engine.name == "learnt" && path.saving == Saving::time;
  return path.placement.kind != Placement::every && path.placement.saving == Saving::time;
}

}  // namespace

std::vector<Knob> knobs(const Node& root) {
  std::vector<Knob> knobs;
  const Options options = read_options(root);
  for (std::size_t i = 0; i < options.paths.size(); ++i) {
    const PathOptions& path = options.paths[i];
    if (path.method != Method::early_exit && path.method != Method::predictive) continue;
    // Times are measured anew in every run: another run would make another plan than the one that was tested.
    if (saves_time(path))
      path.node.at("saving").fail(
          "cannot be tuned: what saves time is measured anew in every run, and the exits with it",
          "tune with saving: macs");
    Knob knob{.path = i, .name = path.name, .key = "threshold", .values = score_thresholds(), .lossy = true};
    if (path.plan.price) {
      knob.key = "price";
      knob.values = kPrices;
    } else if (path.rule.name == "patience" || path.rule.name == "vote") {
      knob.key = path.rule.name == "vote" ? "votes" : "patience";
      knob.values = kCounts;
    } else if (path.rule.name == "logit") {
      knob.values = kLogits;
    }
    knobs.push_back(std::move(knob));
  }
  return knobs;
}

}  // namespace dynexec::early_exit
