#include "experiments/registry.hpp"

#include <string>
#include <vector>

#include "experiments/families.hpp"

namespace dynexec {

#define FAMILY(name, space, summary)  \
  namespace space {                   \
  Experiment build(const Node& root); \
  }
#include "experiments/registry.def"
#undef FAMILY

Experiment build_experiment(const Node& root) {
  std::vector<std::string> names;
  for (const Family& family : kFamilies) names.emplace_back(family.name);
  root.get_string("experiment");  // required: no family is the default
  const std::string chosen = root.get_choice("experiment", names.front(), names);
#define FAMILY(name, space, summary) \
  if (chosen == name) return space::build(root);
#include "experiments/registry.def"
#undef FAMILY
  root.fail("no build function for experiment '" + chosen + "'", "this is a bug in dynexec");
}

}  // namespace dynexec
