// Whole text files, plain or gzip, within bounds.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

inline constexpr std::size_t kMaxTextBytes = std::size_t{256} << 20;

// The content of a file; one that starts with the gzip magic is unpacked. A UTF-8 byte order mark is dropped.
// Error(io) when it cannot be read, Error(data) for a broken archive or more than `limit` bytes of text.
std::string read_text_file(const std::filesystem::path& path, std::size_t limit = kMaxTextBytes);

// Unpacks gzip bytes (one or more members). `name` is for errors.
std::string gunzip(std::string_view packed, const std::string& name, std::size_t limit);

// Lines without their "\n" or "\r\n"; a last line without an end counts when it is not empty.
std::vector<std::string_view> split_text_lines(std::string_view text);

}  // namespace dynexec
