// How the figures of a profile are read. Private to the hardware folder.
#pragma once

#include <limits>
#include <string>

#include "measure/hardware/profile.hpp"

namespace dynexec::profile_read {

struct Range {
  double low = 0, high = std::numeric_limits<double>::max();
  bool whole = false;  // a count
};

inline constexpr Range kPositive{.low = std::numeric_limits<double>::min()};
inline constexpr Range kShare{.low = 1e-6, .high = 1};
inline constexpr Range kCount{.low = 1, .high = 1e15, .whole = true};
inline constexpr Range kBits{.low = 1, .high = 64, .whole = true};
inline constexpr Range kNotNegative{};

// parent: {key: {value: 4.6, source: where from, factor: 2}}.
Figure figure(const Node& parent, const std::string& key, const Range& range);
// A text that must say something.
std::string words(const Node& parent, const std::string& key);
// How far a figure may be off; 1 when it is exact.
double uncertainty(const Node& node);

CimFigures cim(const Node& node);

}  // namespace dynexec::profile_read
