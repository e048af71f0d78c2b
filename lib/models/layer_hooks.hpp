// Ways into a network's layers while it is loaded: matrices that are quantised already, and somebody who wants to see
// what goes into them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernels/linear.hpp"
#include "kernels/stored_matrix.hpp"

namespace dynexec {

// Gives a matrix [out, in] that is quantised already; nullopt: it is not, and its values are asked for.
using StoredSource =
    std::function<std::optional<StoredMatrix>(const std::string& name, std::int64_t out, std::int64_t in)>;

// Sees the inputs [rows, in] of a layer's matrix whenever it is used. Matrices that have the same inputs (queries, keys
// and values; gate and up) are told under the first one's name.
using InputObserver = std::function<void(const std::string& name, const float* x, std::int64_t rows, std::int64_t in)>;

struct LayerHooks {
  StoredSource stored;     // may be empty
  InputObserver observer;  // may be empty

  // What `stored` gives, for products as `format` has them.
  std::optional<StoredMatrix> matrix(const std::string& name, std::int64_t out, std::int64_t in,
                                     const WeightFormat& format) const;
  // `linear` with its inputs shown to the observer.
  std::unique_ptr<Linear> observed(const std::string& name, std::unique_ptr<Linear> linear) const;
};

}  // namespace dynexec
