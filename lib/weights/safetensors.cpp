#include "weights/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/io_error.hpp"
#include "weights/safetensors_header.hpp"

namespace dynexec {
namespace {

constexpr const char* kHint = "the file is damaged or incomplete; download or convert it again";
constexpr std::size_t kPrefix = 8;  // the header's length, little-endian

[[noreturn]] void fail(const std::string& what, const std::string& file, const char* hint = kHint) {
  throw Error(ErrorKind::model, what, file, hint);
}

// What people find in place of weights after an interrupted or misdirected download.
void refuse_known_impostors(std::string_view start, const std::string& file) {
  if (start.starts_with("version https://git-lfs")) {
    fail("the file is a Git LFS pointer, not the weights", file, "run `git lfs pull` in the model's folder");
  }
  if (start.starts_with("<!DOCTYPE") || start.starts_with("<html")) {
    fail("the file is a web page, not the weights", file, "download the file itself, not the page that shows it");
  }
  if (start.starts_with("PK\x03\x04")) {
    fail("the file is a zip archive (a PyTorch checkpoint?), not safetensors", file,
         "convert it with scripts/convert.py");
  }
  if (start.starts_with("GGUF")) {
    fail("the file is GGUF, not safetensors", file, "use the model's safetensors release");
  }
}

std::uint64_t read_u64(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = kPrefix; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Bytes that the shape asks for; an overflow is refused even where another extent is 0.
std::uint64_t bytes_of_shape(const HeaderEntry& entry, const std::string& file) {
  std::uint64_t count = dtype_size(entry.dtype);
  bool empty = false;
  for (const std::int64_t extent : entry.shape) {
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(extent), &count) || count >> 62 != 0) {
      fail(fmt::format("tensor '{}': shape {} overflows", entry.name, shape_text(entry.shape)), file);
    }
  }
  return empty ? 0 : count;
}

// Offsets must tile the data: from 0, without hole or overlap, to the end of the file.
void check_offsets(std::vector<HeaderEntry>& entries, std::uint64_t data_bytes, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t position = 0;
  for (const HeaderEntry& entry : entries) {
    if (entry.begin != position || entry.end < entry.begin) {
      fail(fmt::format("tensor '{}': offsets [{}, {}] where a tensor must start at {}", entry.name, entry.begin,
                       entry.end, position),
           file);
    }
    const std::uint64_t wanted = bytes_of_shape(entry, file);
    if (entry.end - entry.begin != wanted) {
      fail(fmt::format("tensor '{}': {} {} needs {} bytes, its offsets give {}", entry.name, dtype_name(entry.dtype),
                       shape_text(entry.shape), wanted, entry.end - entry.begin),
           file);
    }
    position = entry.end;
  }
  if (position != data_bytes) {
    fail(fmt::format("the header describes {} bytes of tensors, the file holds {}", position, data_bytes), file);
  }
}

}  // namespace

void SafetensorsFile::read(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < kPrefix) fail(fmt::format("{} bytes are too few for a safetensors file", bytes.size()), name);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  refuse_known_impostors(text.substr(0, 64), name);
  const std::uint64_t header_bytes = read_u64(bytes);
  if (header_bytes > kMaxHeaderBytes) {
    fail(fmt::format("a header of {} bytes is beyond the limit of {}", header_bytes, kMaxHeaderBytes), name);
  }
  if (header_bytes > bytes.size() - kPrefix) {
    fail(fmt::format("the header of {} bytes goes beyond the end of the file ({} bytes)", header_bytes, bytes.size()),
         name);
  }
  SafetensorsHeader header = parse_safetensors_header(text.substr(kPrefix, header_bytes), name);
  const std::span<const std::byte> data = bytes.subspan(kPrefix + header_bytes);
  check_offsets(header.tensors, data.size(), name);
  metadata_ = std::move(header.metadata);
  for (HeaderEntry& entry : header.tensors) {
    TensorView view{entry.name, entry.dtype, std::move(entry.shape),
                    data.subspan(entry.begin, entry.end - entry.begin)};
    tensors_.emplace(std::move(entry.name), std::move(view));
  }
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                              const std::string& name) {
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  file->read(bytes, name);
  return file;
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) throw_io_error("cannot open the weights", path.string(), errno);
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) throw_io_error("cannot inspect the weights", path.string(), errno);
  if (!S_ISREG(status.st_mode)) fail("not a regular file", path.string(), "give the path of a safetensors file");
  if (status.st_size == 0) fail("the file is empty", path.string());
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (mapping == MAP_FAILED) throw_io_error("cannot map the weights", path.string(), errno);
  file->mapping_ = mapping;
  file->mapped_bytes_ = size;
  file->read({static_cast<const std::byte*>(mapping), size}, path.string());
  return file;
}

SafetensorsFile::~SafetensorsFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapped_bytes_);
}

}  // namespace dynexec
