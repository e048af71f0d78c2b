#include "weights/shard_index.hpp"

#include <fmt/format.h>

#include <set>

#include "base/error.hpp"
#include "weights/json_reader.hpp"
#include "weights/safetensors_header.hpp"

namespace dynexec {
namespace {

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
  throw Error(ErrorKind::model, what, path.string(), "the index is damaged; download it again");
}

bool stays_inside(const std::string& shard) {
  if (shard.empty() || shard.find('\0') != std::string::npos) return false;
  const std::filesystem::path path(shard);
  if (path.is_absolute()) return false;
  for (const std::filesystem::path& part : path) {
    if (part == "..") return false;
  }
  return path.extension() == ".safetensors";
}

}  // namespace

ShardIndex read_shard_index(const std::filesystem::path& path) {
  const nlohmann::json document = read_json_object(path, kMaxJsonBytes);
  const auto map = document.find("weight_map");
  if (map == document.end() || !map->is_object()) fail("weight_map is missing or not an object", path);
  if (map->empty()) fail("weight_map is empty", path);
  if (map->size() > kMaxTensors) fail(fmt::format("more than {} tensors", kMaxTensors), path);
  // Published indexes disagree on what total_size counts (shared tensors once or twice, integers or 1.0e9),
  // and every shard is checked in full anyway: only nonsense is refused.
  if (const auto metadata = document.find("metadata"); metadata != document.end() && metadata->is_object()) {
    const auto size = metadata->find("total_size");
    if (size != metadata->end() && !(size->is_number() && size->get<double>() >= 0)) {
      fail("metadata.total_size is not a size in bytes", path);
    }
  }
  ShardIndex index;
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) fail(fmt::format("weight_map.{} is not a file name", tensor), path);
    const std::string& name = shard.get_ref<const std::string&>();
    if (!stays_inside(name)) {
      fail(fmt::format("weight_map.{} names '{}', which is not a .safetensors file inside the folder", tensor, name),
           path);
    }
    shards.insert(name);
    index.location.emplace(tensor, name);
  }
  index.shards.assign(shards.begin(), shards.end());
  return index;
}

}  // namespace dynexec
