#include "kernels/aligned.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.hpp"

namespace dynexec {
namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// More than the machine has would be granted at first and end the process later.
std::size_t physical_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
}

}  // namespace

AlignedFloats::AlignedFloats(std::int64_t count) : count_(count) {
  if (count <= 0) {
    count_ = 0;
    return;
  }
  const bool fits = static_cast<std::size_t>(count) < physical_bytes() / sizeof(float);
  void* memory = nullptr;
  if (fits) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
    const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : 64;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    memory = std::aligned_alloc(alignment, rounded);
    if (memory) {
      if (alignment == kHugePage)
        (void)madvise(memory, rounded, MADV_HUGEPAGE);  // advice: refusal is harmless
      std::memset(memory, 0, rounded);
    }
  }
  if (!memory) {
    throw Error(ErrorKind::io, "cannot allocate " + std::to_string(count) + " floats", "",
                "use a smaller model or a shorter context, or free memory");
  }
  data_ = static_cast<float*>(memory);
}

AlignedFloats::~AlignedFloats() {
  std::free(data_);
}

AlignedFloats::AlignedFloats(AlignedFloats&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}

AlignedFloats& AlignedFloats::operator=(AlignedFloats&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(count_, other.count_);
  return *this;
}

}  // namespace dynexec
