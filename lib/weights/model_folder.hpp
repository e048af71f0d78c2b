// A model folder in Hugging Face layout: config.json + model.safetensors (or shards with an index).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "weights/safetensors.hpp"

namespace dynexec {

class ModelFolder {
 public:
  // Opens every shard. Throws Error(ErrorKind::model) naming the missing or broken file and the remedy
  // (for example a folder that holds only pytorch_model.bin: pickles are never read; how to convert).
  static ModelFolder open(const std::filesystem::path& folder);

  const std::filesystem::path& path() const { return path_; }
  const nlohmann::json& config() const { return config_; }                        // config.json, an object
  const nlohmann::json& generation_config() const { return generation_config_; }  // {} when absent

  // The tensor called `name`. Checkpoints of a bare backbone and of the model around it differ in a prefix
  // ("model.", "transformer."): when the exact name is not there, it is looked up without such a prefix, then
  // with one.
  std::optional<TensorView> find(const std::string& name) const;
  // As find, with exactly this shape; throws Error(model) naming tensor, wanted and found shape, nearest
  // name.
  TensorView require(const std::string& name, const std::vector<std::int64_t>& shape) const;
  std::vector<std::string> tensor_names() const;
  // SHA-256, hex, of the lines "<sha256 of the file>  <file name>\n" of the weight files in order of their
  // names (what `sha256sum *.safetensors | sha256sum` prints). Reads every file; computed on demand.
  std::string sha256() const;

 private:
  std::filesystem::path path_;
  nlohmann::json config_, generation_config_;
  std::vector<std::shared_ptr<const SafetensorsFile>> files_;
  std::vector<std::filesystem::path> file_paths_;
  std::map<std::string, const TensorView*> tensors_;  // into files_
};

// JSON of at most 16 MiB and 64 levels from a file, an object at the top, no duplicate keys; Error(model)
// with file:line:column and the byte position else.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace dynexec
