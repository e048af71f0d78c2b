#include "cli/engine.hpp"

#include "base/resource_path.hpp"

extern "C" const dynexec::cli::Engine* dynexec_engine(const char* resource_root) {
  using namespace dynexec::cli;
  static const Engine engine{.bench = bench,
                             .compress = compress,
                             .generate = generate,
                             .inspect = inspect,
                             .doctor = doctor,
                             .train = train_command,
                             .tune = tune,
                             .trace = trace};
  dynexec::set_resource_root(resource_root);
  return &engine;
}
