#include "pictures/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace dynexec {
namespace {

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

void require(bool good, const std::string& what) {
  if (!good) throw Error(ErrorKind::internal, what, "denoising", "");
}

}  // namespace

void require_evaluation(const PictureRequest& request, std::size_t rows, std::int64_t elements, std::size_t evaluation,
                        std::span<const float> input, std::span<float> output) {
  require(evaluation < request.timesteps.size(),
          fmt::format("evaluation {} of a schedule of {}", evaluation, request.timesteps.size()));
  const std::size_t values = rows * static_cast<std::size_t>(elements);
  require(input.size() == values && output.size() == values,
          fmt::format("{} values in and {} out for {} rows", input.size(), output.size(), rows));
}

void require_rows(std::span<const std::size_t> rows, std::size_t count) {
  require(!rows.empty() && rows.back() < count && std::is_sorted(rows.begin(), rows.end()) &&
              std::adjacent_find(rows.begin(), rows.end()) == rows.end(),
          fmt::format("these are no rows of {} in ascending order", count));
}

void require_finite(std::span<const float> output, std::size_t evaluation) {
  if (!all_finite(output))
    throw Error(ErrorKind::model, "the picture is not finite", fmt::format("evaluation {}", evaluation),
                "try more steps, another sampler or less guidance; if it stays, the weights are damaged");
}

void limit_pixels(std::span<float> pixels) {
  if (!all_finite(pixels))
    throw Error(ErrorKind::model, "the picture has pixels that are not finite", "image decoder",
                "the weights are damaged, or the latents too large: try more steps or less guidance");
  for (float& value : pixels) value = std::clamp(value, -1.0f, 1.0f);
}

}  // namespace dynexec
