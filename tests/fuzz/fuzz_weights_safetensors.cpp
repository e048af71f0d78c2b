// Any bytes as a safetensors file: refused with an Error, or every tensor lies inside the bytes and converts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/error.hpp"
#include "weights/json_reader.hpp"
#include "weights/safetensors.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void read(std::span<const std::byte> bytes) {
  const auto file = dynexec::SafetensorsFile::parse(bytes, "fuzz");
  std::size_t total = 0;
  for (const auto& [name, view] : file->tensors()) {
    check(name == view.name);
    check(view.bytes.data() >= bytes.data() && view.bytes.data() + view.bytes.size() <= bytes.data() + bytes.size());
    check(static_cast<std::size_t>(view.elements()) * dynexec::dtype_size(view.dtype) == view.bytes.size());
    total += view.bytes.size();
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    try {
      dynexec::copy_as_f32(view, values);
    } catch (const dynexec::Error& error) {
      check(error.kind() == dynexec::ErrorKind::model);
    }
  }
  check(total <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    read({reinterpret_cast<const std::byte*>(data), size});
  } catch (const dynexec::Error& error) {
    check(error.kind() == dynexec::ErrorKind::model);
  }
  try {
    dynexec::parse_json_object({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const dynexec::Error& error) {
    check(error.kind() == dynexec::ErrorKind::model);
  }
  return 0;
}
