#include "image/png.hpp"

#include <zlib.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view kHeaderTail("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB, deflate, row filters, no interlace
constexpr std::size_t kPixelBytes = 3;
enum Filter : unsigned char { kPlain, kSub, kUp, kFilters };

void append_number(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((value >> shift) & 0xff));
}

const Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

void append_chunk(std::string& out, std::string_view type, std::string_view content) {
  append_number(out, content.size());
  const std::size_t checked = out.size();
  out += type;
  out += content;
  append_number(out, crc32_z(0, bytes_of(out) + checked, out.size() - checked));
}

// One row with its filter byte in front. above: nullptr in the first row, which is taken for zeros.
std::string filtered(const std::uint8_t* row, const std::uint8_t* above, std::size_t count, Filter filter) {
  std::string out(1, static_cast<char>(filter));
  for (std::size_t i = 0; i < count; ++i) {
    unsigned predicted = 0;
    if (filter == kSub && i >= kPixelBytes) predicted = row[i - kPixelBytes];
    if (filter == kUp && above != nullptr) predicted = above[i];
    out.push_back(static_cast<char>((row[i] - predicted) & 0xff));
  }
  return out;
}

// The customary guess at what will compress best: the least sum of magnitudes.
std::string best_filtered(const std::uint8_t* row, const std::uint8_t* above, std::size_t count) {
  std::string best;
  long least = 0;
  for (unsigned char filter = kPlain; filter < kFilters; ++filter) {
    std::string candidate = filtered(row, above, count, static_cast<Filter>(filter));
    long sum = 0;
    for (std::size_t i = 1; i < candidate.size(); ++i) sum += std::abs(static_cast<signed char>(candidate[i]));
    if (!best.empty() && sum >= least) continue;
    least = sum;
    best = std::move(candidate);
  }
  return best;
}

std::string compressed(std::string_view content) {
  uLongf size = compressBound(static_cast<uLong>(content.size()));
  std::string out(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(out.data()), &size, bytes_of(content),
                               static_cast<uLong>(content.size()), Z_BEST_COMPRESSION);
  if (status != Z_OK) {
    throw Error(ErrorKind::io, fmt::format("zlib could not compress a picture (status {})", status), "",
                "free memory, or show fewer images");
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string encode_png(const Picture& picture) {
  require_picture(picture);
  const std::size_t row_bytes = static_cast<std::size_t>(picture.width) * kPixelBytes;
  std::string rows;
  rows.reserve((row_bytes + 1) * static_cast<std::size_t>(picture.height));
  const std::uint8_t* above = nullptr;
  for (std::size_t at = 0; at < picture.rgb.size(); at += row_bytes) {
    const std::uint8_t* row = &picture.rgb[at];
    rows += best_filtered(row, above, row_bytes);
    above = row;
  }
  std::string header;
  append_number(header, static_cast<std::size_t>(picture.width));
  append_number(header, static_cast<std::size_t>(picture.height));
  header += kHeaderTail;

  std::string out(kSignature);
  append_chunk(out, "IHDR", header);
  append_chunk(out, "IDAT", compressed(rows));
  append_chunk(out, "IEND", "");
  return out;
}

void write_png(const std::string& path, const Picture& picture) {
  write_file_atomically(path, encode_png(picture));
}

}  // namespace dynexec
