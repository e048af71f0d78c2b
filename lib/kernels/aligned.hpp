// Zeroed memory aligned to 64 bytes; large blocks ask for huge pages, which raises the read bandwidth of
// weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace dynexec {

// Of the machine; the largest number where it cannot be told.
std::size_t physical_bytes();

class AlignedFloats {
 public:
  AlignedFloats() = default;
  // Throws Error(io) when the memory is not there. All pages are touched, so later writes cause no page
  // faults.
  explicit AlignedFloats(std::int64_t count);
  // The same, side by side with the blocks asked for before and after it in shared huge pages: for the
  // weights of a model, whose single matrices are too small for huge pages of their own (28 MB of weights
  // were read 20 % faster).
  static AlignedFloats clustered(std::int64_t count);
  ~AlignedFloats();
  AlignedFloats(AlignedFloats&& other) noexcept;
  AlignedFloats& operator=(AlignedFloats&& other) noexcept;
  AlignedFloats(const AlignedFloats&) = delete;
  AlignedFloats& operator=(const AlignedFloats&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  std::int64_t size() const { return count_; }
  float& operator[](std::int64_t i) { return data_[i]; }
  const float& operator[](std::int64_t i) const { return data_[i]; }

 private:
  float* data_ = nullptr;
  std::int64_t count_ = 0;
  std::shared_ptr<void> cluster_;  // keeps the shared pages; empty for a block of its own
};

// Zeroed bytes of the same kind.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::int64_t count) : floats_(floats_for(count)), count_(count) {}
  static AlignedBytes clustered(std::int64_t count) {
    AlignedBytes bytes;
    bytes.floats_ = AlignedFloats::clustered(floats_for(count));
    bytes.count_ = count;
    return bytes;
  }

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(floats_.data());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(floats_.data());
  }
  std::int64_t size() const { return count_; }

 private:
  static constexpr std::int64_t floats_for(std::int64_t bytes) { return (bytes + 3) / 4; }

  AlignedFloats floats_;
  std::int64_t count_ = 0;
};

}  // namespace dynexec
