// One way to run a multi-exit network on samples, alone or in batches.
#pragma once

#include <memory>

#include "experiments/early_exit/shared.hpp"

namespace dynexec::early_exit {

std::unique_ptr<Path> make_path(std::shared_ptr<Shared> shared, PathOptions options);

}  // namespace dynexec::early_exit
