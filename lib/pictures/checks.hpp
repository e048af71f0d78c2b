// What models of pictures check alike. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pictures/picture_model.hpp"

namespace dynexec {

// Error(internal) unless the evaluation and the sizes fit the request.
void require_evaluation(const PictureRequest& request, std::size_t rows, std::int64_t elements, std::size_t evaluation,
                        std::span<const float> input, std::span<float> output);
// Error(internal) unless the rows are ascending, fewer than `count` each, and not none.
void require_rows(std::span<const std::size_t> rows, std::size_t count);
// Error(model) naming the evaluation.
void require_finite(std::span<const float> output, std::size_t evaluation);
// Pixels in -1 to 1. Error(model) where one is not finite.
void limit_pixels(std::span<float> pixels);

// The elements at these places, ascending.
template <class Value>
void keep_only(std::vector<Value>& values, std::span<const std::size_t> places) {
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i] != i) values[i] = std::move(values[places[i]]);
  values.erase(values.begin() + static_cast<std::ptrdiff_t>(places.size()), values.end());
}

}  // namespace dynexec
