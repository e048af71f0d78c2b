// The JSON header of a safetensors file, checked on its own; the offsets are checked against the file
// elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights/safetensors.hpp"

namespace dynexec {

inline constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{16} << 20;
inline constexpr std::size_t kMaxTensors = 100'000;
inline constexpr std::size_t kMaxRank = 32;
inline constexpr std::string_view kMetadataKey = "__metadata__";

struct HeaderEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes after the header
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> tensors;  // in the header's order
  std::map<std::string, std::string> metadata;
};

// `text` is the header without its length prefix. Refuses a leading blank, anything but spaces behind the
// object, duplicate names and fields, unknown fields and types, numbers that are not plain non-negative
// integers, deeper nesting than the format has. Throws Error(ErrorKind::model), naming `file` and the tensor.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file);

}  // namespace dynexec
