// model.safetensors.index.json: which shard holds which tensor.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dynexec {

struct ShardIndex {
  std::vector<std::string> shards;              // file names relative to the folder, sorted, each once
  std::map<std::string, std::string> location;  // tensor name -> shard
};

// Reads and checks the index on its own. A shard is a relative path without "..", so that an index cannot
// name a file outside its folder. Throws Error(ErrorKind::model).
ShardIndex read_shard_index(const std::filesystem::path& path);

}  // namespace dynexec
