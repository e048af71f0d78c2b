#include "experiments/splits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "measure/task_slice.hpp"

namespace dynexec {
Splits read_splits(const Node& root, std::shared_ptr<const Task> test, std::shared_ptr<const Task> calibration) {
  const Node section = root.section("calibration");
  const double share = section.get_double("held_out", 0, 0, 1);
  const bool measure = section.get_bool("measure_held_out", false);
  if (share <= 0) {
    if (measure) section.at("measure_held_out").fail("needs samples that are held out", "set calibration.held_out");
    return {std::move(test), std::move(calibration)};
  }
  const std::size_t size = calibration->size();
  if (size < 2)
    section.at("held_out")
        .fail(
            fmt::format(
                "needs two calibration samples at least, one to learn from and one to test on, and there are {}", size),
            "add calibration samples");
  const double wanted = std::round(static_cast<double>(size) * share);
  const std::size_t held_out = std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, size - 1),
                    kept = size - held_out;
  return {measure ? slice_task(calibration, kept, held_out) : std::move(test), slice_task(calibration, 0, kept)};
}

}  // namespace dynexec
