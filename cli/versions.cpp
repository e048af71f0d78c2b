#include "cli/versions.hpp"

#include <fmt/core.h>
#include <torch/version.h>

#include <nlohmann/json.hpp>

#include "kernels/linear.hpp"

namespace dynexec::cli {

std::map<std::string, std::string> library_versions() {
  return {{"libtorch", TORCH_VERSION},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)},
          {"kernels", active_kernel_branch()}};
}

}  // namespace dynexec::cli
