// JSON from outside: bounded in size and depth, without duplicate keys, errors with their place.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dynexec {

inline constexpr std::size_t kMaxJsonBytes = std::size_t{16} << 20;
inline constexpr int kMaxJsonDepth = 64;

// A JSON object with at most kMaxJsonDepth levels. Duplicate keys, NUL bytes and text behind the object are
// refused. Throws Error(ErrorKind::model) with `where`:line:column and the byte position.
nlohmann::json parse_json_object(std::string_view text, const std::string& where);

// As parse_json_object, from a file of at most max_bytes. Error(io) when it cannot be read.
nlohmann::json read_json_object(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace dynexec
