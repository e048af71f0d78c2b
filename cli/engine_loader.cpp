#include <dlfcn.h>

#include <cstdlib>

#include "base/error.hpp"
#include "cli/engine.hpp"

namespace dynexec::cli {
namespace {

std::filesystem::path binary_folder() {
  std::error_code failed;
  const std::filesystem::path binary = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? std::filesystem::current_path() : binary.parent_path();
}

}  // namespace

std::filesystem::path resource_root() {
  const std::filesystem::path parent = binary_folder().parent_path();
  std::error_code ignored;
  return std::filesystem::exists(parent / "configs", ignored) ? parent : std::filesystem::current_path();
}

const Engine& load_engine() {
  // A spinning OpenMP thread takes a core from the kernels' own pool; the user's own settings win.
  setenv("OMP_WAIT_POLICY", "passive", 0);
  setenv("GOMP_SPINCOUNT", "0", 0);
  setenv("KMP_BLOCKTIME", "0", 0);
  const std::filesystem::path library = binary_folder() / "libdynexec_engine.so";
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    throw Error(ErrorKind::io, std::string("cannot load the engine: ") + dlerror(), library.string(),
                "build it with scripts/setup.sh; LibTorch must be where it was at build time");
  using Entry = const Engine* (*)(const char*);
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, "dynexec_engine"));
  if (entry == nullptr)
    throw Error(ErrorKind::io, "the engine library has no entry point", library.string(), "build it again");
  return *entry(resource_root().c_str());
}

}  // namespace dynexec::cli
