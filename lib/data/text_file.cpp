#include "data/text_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/atomic_file.hpp"
#include "base/error.hpp"

namespace dynexec {
namespace {

[[noreturn]] void too_long(const std::string& name, std::size_t limit) {
  throw Error(ErrorKind::data, "the file holds more than " + std::to_string(limit >> 20) + " MiB of text", name,
              "split it into smaller files");
}

}  // namespace

std::string gunzip(std::string_view packed, const std::string& name, std::size_t limit) {
  const auto broken = [&](const char* what) {
    throw Error(ErrorKind::data, std::string("the gzip archive is ") + what, name, "download the file again");
  };
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  std::string text;
  std::array<char, 65536> buffer;
  std::size_t fed = 0;
  int status = Z_OK;
  while (fed < packed.size() || stream.avail_in > 0) {
    if (stream.avail_in == 0) {
      const std::size_t piece = std::min(packed.size() - fed, std::size_t{1} << 20);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + fed));  // zlib does not write here
      stream.avail_in = static_cast<uInt>(piece);
      fed += piece;
    }
    if (status == Z_STREAM_END && inflateReset(&stream) != Z_OK) broken("broken");
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      status = inflate(&stream, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) broken("broken");
      text.append(buffer.data(), buffer.size() - stream.avail_out);
      if (text.size() > limit) too_long(name, limit);
    } while (stream.avail_out == 0 && status != Z_STREAM_END);
    // What inflate cannot use is there to stay: without this a stray tail would loop for ever.
    if (status == Z_BUF_ERROR && stream.avail_in > 0) broken("broken");
  }
  if (status != Z_STREAM_END) broken("cut off");
  return text;
}

std::string read_text_file(const std::filesystem::path& path, std::size_t limit) {
  std::string bytes = read_file(path.string(), limit);
  if (bytes.starts_with("\x1f\x8b")) bytes = gunzip(bytes, path.string(), limit);
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.erase(0, 3);
  return bytes;
}

std::vector<std::string_view> split_text_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

}  // namespace dynexec
