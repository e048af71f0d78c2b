#include "train/complexities.hpp"

#include <fmt/format.h>

#include "data/scenes/scene.hpp"

namespace dynexec {

std::vector<int> read_complexities(const Node& node) {
  std::vector<int> found;
  for (const std::int64_t level : node.get_ints("complexities", {1, 2, 3, 4, 5})) {
    if (level < scenes::kMinComplexity || level > scenes::kMaxComplexity)
      node.at("complexities")
          .fail(fmt::format("complexity {} is outside {}..{}", level, scenes::kMinComplexity, scenes::kMaxComplexity),
                "list complexities between 1 and 5");
    found.push_back(static_cast<int>(level));
  }
  if (found.empty()) node.at("complexities").fail("is empty", "list complexities between 1 and 5");
  return found;
}

}  // namespace dynexec
