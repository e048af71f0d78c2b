// Reads safetensors files as our reader does and writes them as our writer does, for comparison with another
// library. probe_weights_safetensors OUT < records; a record is 8 bytes of little-endian length and the
// file's bytes. Prints one JSON object a record: {"error"} or {"tensors": {name: [type, shape, hex of the
// bytes]}, "metadata"}; an accepted file is written again to OUT/<number>.safetensors.
#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "weights/safetensors.hpp"

namespace {

using nlohmann::json;

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

json read(std::string_view bytes, const std::string& out) {
  const auto file = dynexec::SafetensorsFile::parse(std::as_bytes(std::span(bytes.data(), bytes.size())), "probe");
  json tensors = json::object();
  std::vector<dynexec::TensorView> views;
  for (const auto& [name, view] : file->tensors()) {
    tensors[name] = {dynexec::dtype_name(view.dtype), view.shape, hex(view.bytes)};
    views.push_back(view);
  }
  dynexec::write_safetensors(out, views, file->metadata());
  return {{"tensors", tensors}, {"metadata", file->metadata()}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: probe_weights_safetensors OUT < records\n";
    return 2;
  }
  const std::string input{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  int number = 0;
  for (std::size_t at = 0; at + 8 <= input.size(); ++number) {
    std::size_t size = 0;
    for (unsigned i = 8; i-- > 0;) size = size << 8 | static_cast<unsigned char>(input[at + i]);
    json row;
    try {
      row = read(std::string_view(input).substr(at + 8, size), fmt::format("{}/{}.safetensors", argv[1], number));
    } catch (const dynexec::Error& error) {
      row = {{"error", error.message()}};
    }
    std::cout << row << '\n';
    at += 8 + size;
  }
  return 0;
}
