// Reading (validated in full, memory-mapped) and writing of safetensors files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, u64, u32, u16 };
std::size_t dtype_size(DType dtype);  // bytes an element
std::string dtype_name(DType dtype);  // as in the file: "F32", "BF16", ...
std::optional<DType> dtype_from_name(std::string_view name);

// A tensor inside a mapped file; valid while the SafetensorsFile lives. The bytes are little-endian and
// row-major; the format lets them start at any address, so read them with memcpy (or copy_as_f32), never
// through a cast.
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;

  std::int64_t elements() const;
};

class SafetensorsFile {
 public:
  // Maps the file, which must not be truncated while it is open (write_safetensors replaces files, which is
  // safe), and checks, before anything is used: header <= 16 MiB, UTF-8, JSON object without leading blank,
  // no duplicate names, known types, offsets contiguous from 0 to the end of the file, shape x type = span
  // without overflow, at most 100,000 tensors. Throws Error(ErrorKind::model).
  static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);
  // The same checks on bytes in memory (fuzzing, tests). `bytes` must outlive the result.
  static std::shared_ptr<const SafetensorsFile> parse(std::span<const std::byte> bytes, const std::string& name);
  ~SafetensorsFile();

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafetensorsFile() = default;
  void read(std::span<const std::byte> bytes, const std::string& name);
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
  void* mapping_ = nullptr;
  std::size_t mapped_bytes_ = 0;
};

// Writes atomically (temporary sibling, fsync, rename). Tensors are stored in the given order, the header
// padded so that the first starts at a multiple of 8. Throws Error(model) for names that repeat or are not
// UTF-8, or bytes that do not fit the shape; Error(io) for a full disk and the like, an earlier file then
// stays.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata);

// Converts any floating view to fp32 (f32, f16, bf16, f64); throws Error(model) for other types or non-finite
// values, naming the element. out.size() == view.elements().
void copy_as_f32(const TensorView& view, std::span<float> out);

}  // namespace dynexec
