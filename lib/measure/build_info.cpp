#include "measure/build_info.hpp"

namespace dynexec {
namespace {

std::string compiler_name() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#else
  return "unknown";
#endif
}

}  // namespace

const BuildInfo& build_info() {
  static const BuildInfo info = [] {
    BuildInfo build;
    build.version = DYNEXEC_VERSION;
    build.revision = DYNEXEC_GIT_REVISION;
    build.compiler = compiler_name();
    build.type = DYNEXEC_BUILD_TYPE;
    build.sanitizer = DYNEXEC_SANITIZER;
#ifdef __OPTIMIZE__
    build.optimised = true;
#endif
    return build;
  }();
  return info;
}

}  // namespace dynexec
