#include "base/resource_path.hpp"

#include <cstdlib>

namespace dynexec {
namespace {

std::filesystem::path& resource_root() {
  static std::filesystem::path root;
  return root;
}

}  // namespace

void set_resource_root(const std::filesystem::path& root) {
  resource_root() = root;
}

std::filesystem::path resolve_path(const std::string& path) {
  constexpr std::string_view kData = "${DYNEXEC_DATA}";
  std::filesystem::path result = path;
  if (path.starts_with(kData)) {
    const char* data = std::getenv("DYNEXEC_DATA");
    result = std::filesystem::path(data != nullptr && *data != '\0' ? data : "data");
    std::string_view rest = std::string_view(path).substr(kData.size());
    while (rest.starts_with('/')) rest.remove_prefix(1);
    if (!rest.empty()) result /= rest;
  }
  std::error_code ignored;
  if (result.is_relative() && !resource_root().empty() && !std::filesystem::exists(result, ignored) &&
      std::filesystem::exists(resource_root() / result, ignored))
    return resource_root() / result;
  return result;
}

}  // namespace dynexec
