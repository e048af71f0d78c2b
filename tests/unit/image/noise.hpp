// Random values for the tests of this room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"

namespace dynexec {

inline std::vector<float> uniform_values(std::size_t count, std::uint64_t seed) {
  RandomStream stream(seed, 0, 0, 77);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(stream.uniform());
  return values;
}

inline std::vector<float> normal_values(std::size_t count, std::uint64_t seed, double mean = 0, double spread = 1) {
  RandomStream stream(seed, 0, 0, 78);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(mean + spread * stream.normal());
  return values;
}

// "WHERE: WHAT" of the error that `call` ends with; "" when it ends well.
template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.where() + ": " + error.message();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace dynexec
