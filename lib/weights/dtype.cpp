#include <array>

#include "base/error.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

struct TypeRow {
  DType dtype;
  std::size_t bytes;
  std::string_view name;
};

constexpr std::array<TypeRow, 13> kTypes{{
    {DType::f64, 8, "F64"},
    {DType::f32, 4, "F32"},
    {DType::f16, 2, "F16"},
    {DType::bf16, 2, "BF16"},
    {DType::i64, 8, "I64"},
    {DType::i32, 4, "I32"},
    {DType::i16, 2, "I16"},
    {DType::i8, 1, "I8"},
    {DType::u8, 1, "U8"},
    {DType::boolean, 1, "BOOL"},
    {DType::u64, 8, "U64"},
    {DType::u32, 4, "U32"},
    {DType::u16, 2, "U16"},
}};

const TypeRow& row_of(DType dtype) {
  for (const TypeRow& row : kTypes) {
    if (row.dtype == dtype) return row;
  }
  throw Error(ErrorKind::internal, "unknown tensor type", "", "");
}

}  // namespace

std::size_t dtype_size(DType dtype) {
  return row_of(dtype).bytes;
}

std::string dtype_name(DType dtype) {
  return std::string(row_of(dtype).name);
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::int64_t TensorView::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

}  // namespace dynexec
