// Pictures as PNG files (ISO/IEC 15948): 8 bits of red, green and blue, not interlaced.
#pragma once

#include <string>

#include "image/picture.hpp"

namespace dynexec {

// The file's bytes; the same picture gives the same pixels under any zlib, and the same bytes under the same one.
// Throws Error(data) for a picture whose sides and pixels do not fit each other.
std::string encode_png(const Picture& picture);

// Replaces the file as a whole (see write_file_atomically). Throws Error(data) and Error(io).
void write_png(const std::string& path, const Picture& picture);

}  // namespace dynexec
