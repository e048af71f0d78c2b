#include "kernels/aligned.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kClusterBytes = 32 * kHugePage;  // address space; memory is taken as it is used

[[noreturn]] void refuse(std::int64_t count) {
  throw Error(ErrorKind::io, "cannot allocate " + std::to_string(count) + " floats", "",
              "use a smaller model or a shorter context, or free memory");
}

// More than the machine has would be granted at first and end the process later.
std::size_t checked_bytes(std::int64_t count) {
  if (static_cast<std::size_t>(count) >= physical_bytes() / sizeof(float)) refuse(count);
  return (static_cast<std::size_t>(count) * sizeof(float) + kLine - 1) / kLine * kLine;
}

// Address space that blocks are cut from, front to back; unmapped with the last block.
class Cluster {
 public:
  Cluster() {
    void* memory = mmap(nullptr, kClusterBytes + kHugePage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    mapping_ = memory;
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    next_ = static_cast<char*>(memory) + (kHugePage - address % kHugePage) % kHugePage;
    end_ = next_ + kClusterBytes;
    (void)madvise(next_, kClusterBytes, MADV_HUGEPAGE);  // advice: refusal is harmless
  }
  ~Cluster() {
    if (mapping_) munmap(mapping_, kClusterBytes + kHugePage);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Null when the rest is too small.
  float* take(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(end_ - next_)) return nullptr;
    return reinterpret_cast<float*>(std::exchange(next_, next_ + bytes));
  }

 private:
  void* mapping_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace

std::size_t physical_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
}

AlignedFloats::AlignedFloats(std::int64_t count) {
  if (count <= 0) return;
  const std::size_t bytes = checked_bytes(count);
  const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kLine;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (!memory) refuse(count);
  if (alignment == kHugePage) (void)madvise(memory, rounded, MADV_HUGEPAGE);
  std::memset(memory, 0, rounded);
  data_ = static_cast<float*>(memory);
  count_ = count;
}

AlignedFloats AlignedFloats::clustered(std::int64_t count) {
#if defined(DYNEXEC_SANITIZED)
  return AlignedFloats(count);  // a block of its own is watched at both ends
#else
  if (count <= 0) return {};
  const std::size_t bytes = checked_bytes(count);
  if (bytes > kClusterBytes / 4) return AlignedFloats(count);
  static std::mutex mutex;
  static std::weak_ptr<Cluster> open;
  const std::scoped_lock lock(mutex);
  std::shared_ptr<Cluster> cluster = open.lock();
  AlignedFloats result;
  if (cluster) result.data_ = cluster->take(bytes);
  if (!result.data_) {
    open = cluster = std::make_shared<Cluster>();
    result.data_ = cluster->take(bytes);
  }
  if (!result.data_) return AlignedFloats(count);
  std::memset(result.data_, 0, bytes);
  result.count_ = count;
  result.cluster_ = std::move(cluster);
  return result;
#endif
}

AlignedFloats::~AlignedFloats() {
  if (!cluster_) std::free(data_);
}

AlignedFloats::AlignedFloats(AlignedFloats&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      cluster_(std::move(other.cluster_)) {}

AlignedFloats& AlignedFloats::operator=(AlignedFloats&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(count_, other.count_);
  std::swap(cluster_, other.cluster_);
  return *this;
}

}  // namespace dynexec
