#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_header.hpp"

namespace dynexec {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& tensor, const std::string& path) {
  throw Error(ErrorKind::model, fmt::format("tensor '{}': {}", tensor, what), path,
              "only tensors that can be read back are written");
}

void check_tensor(const TensorView& tensor, const std::string& path) {
  if (tensor.name == kMetadataKey) fail("the name is reserved", tensor.name, path);
  if (tensor.shape.size() > kMaxRank) fail(fmt::format("more than {} dimensions", kMaxRank), tensor.name, path);
  std::uint64_t bytes = dtype_size(tensor.dtype);
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) {
      fail("the shape is impossible", tensor.name, path);
    }
  }
  if (bytes != tensor.bytes.size()) {
    fail(fmt::format("{} bytes given where the shape needs {}", tensor.bytes.size(), bytes), tensor.name, path);
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  if (tensors.size() > kMaxTensors) {
    throw Error(ErrorKind::model, fmt::format("{} tensors are beyond the limit of {}", tensors.size(), kMaxTensors),
                path.string(), "split the checkpoint");
  }
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(kMetadataKey)] = metadata;
  std::set<std::string_view> names;
  std::uint64_t position = 0;
  for (const TensorView& tensor : tensors) {
    check_tensor(tensor, path.string());
    if (!names.insert(tensor.name).second) fail("the name occurs twice", tensor.name, path.string());
    const std::uint64_t end = position + tensor.bytes.size();
    // ordered_json looks a key up by walking all earlier ones; the set above has checked it already.
    header.get_ref<nlohmann::ordered_json::object_t&>().Container::emplace_back(
        tensor.name,
        nlohmann::ordered_json{
            {"dtype", dtype_name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {position, end}}});
    position = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::type_error&) {
    throw Error(ErrorKind::model, "a tensor name or metadata text is not UTF-8", path.string(), "rename the tensor");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kMaxHeaderBytes) {
    throw Error(ErrorKind::model, "the header would be beyond the limit of 16 MiB", path.string(),
                "split the checkpoint");
  }
  std::string content;
  content.reserve(8 + text.size() + position);
  for (unsigned shift = 0; shift < 64; shift += 8) content.push_back(static_cast<char>(text.size() >> shift & 0xff));
  content += text;
  for (const TensorView& tensor : tensors) {
    content.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  write_file_atomically(path.string(), content);
}

}  // namespace dynexec
