#include "experiments/registry.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "experiments/families.hpp"

namespace dynexec {

#define FAMILY(name, space, summary)         \
  namespace space {                          \
  Experiment build(const Node& root);        \
  std::vector<Knob> knobs(const Node& root); \
  }
#include "experiments/registry.def"
#undef FAMILY

namespace {

struct Functions {
  std::string name;
  Experiment (*build)(const Node&);
  std::vector<Knob> (*knobs)(const Node&);
};

const Functions& chosen_family(const Node& root) {
  static const std::vector<Functions> families{
#define FAMILY(name, space, summary) {name, space::build, space::knobs},
#include "experiments/registry.def"
#undef FAMILY
  };
  std::vector<std::string> names;
  for (const Functions& family : families) names.push_back(family.name);
  root.get_string("experiment");  // required: no family is the default
  const std::string chosen = root.get_choice("experiment", names.front(), names);
  return *std::find_if(families.begin(), families.end(), [&](const Functions& f) { return f.name == chosen; });
}

}  // namespace

Experiment build_experiment(const Node& root) {
  return chosen_family(root).build(root);
}

std::vector<Knob> experiment_knobs(const Node& root) {
  return chosen_family(root).knobs(root);
}

}  // namespace dynexec
