// The names of the method families, without their code: `dynexec list` answers without loading LibTorch.
#pragma once

#include <array>
#include <string_view>

namespace dynexec {

struct Family {
  std::string_view name;  // the config's `experiment:`
  std::string_view summary;
};

inline constexpr auto kFamilies = std::to_array<Family>({
#define FAMILY(name, space, summary) {name, summary},
#include "experiments/registry.def"
#undef FAMILY
});

}  // namespace dynexec
