// What dynexec tune may choose in paths that leave early.
#include "experiments/knobs.hpp"
#include "experiments/early_exit/options.hpp"

namespace dynexec::early_exit {

std::vector<Knob> knobs(const Node& root) {
  // A thousand exits that agree never come: the network runs to its end.
  const std::vector<double> counts{1000, 48, 32, 24, 20, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  // Factors of an exit's mean logit; at the first of them nothing passes.
  std::vector<double> betas{1e6};
  for (double beta = 200; beta > 0.9; beta *= 0.93) betas.push_back(beta);
  // What another answer costs, in runs of the whole network.
  std::vector<double> prices{1e6};
  for (double price = 1000; price > 0.05; price *= 0.8) prices.push_back(price);

  std::vector<Knob> knobs;
  const Options options = read_options(root);
  for (std::size_t i = 0; i < options.paths.size(); ++i) {
    const PathOptions& path = options.paths[i];
    if (path.method != Method::early_exit && path.method != Method::predictive) continue;
    Knob knob{.path = i, .name = path.name, .key = "threshold", .values = score_thresholds(), .lossy = true};
    if (path.rule.name == "vote" || path.rule.name == "patience") {
      knob.key = path.rule.name == "vote" ? "votes" : "patience";
      knob.values = counts;
    } else if (path.plan.price) {
      knob.key = "price";
      knob.values = prices;
    } else if (path.rule.name == "logit") {
      knob.values = betas;
    }
    knobs.push_back(std::move(knob));
  }
  return knobs;
}

}  // namespace dynexec::early_exit
