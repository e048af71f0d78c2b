#include "weights/model_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "weights/shard_index.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

// transformers' name for the weights and diffusers', and the same of a half-precision variant beside or instead of
// them.
constexpr std::array<std::string_view, 4> kWeightStems{"model", "diffusion_pytorch_model", "model.fp16",
                                                       "diffusion_pytorch_model.fp16"};
constexpr std::array<std::string_view, 6> kPrefixes{"model.",      "transformer.",    "bert.",
                                                    "distilbert.", "language_model.", "encoder."};

bool is_there(const fs::path& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

// What else a folder without safetensors may hold, and the way out.
std::string hint_without_weights(const fs::path& folder) {
  std::error_code failed;
  std::string adapter, pickle, gguf;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (name == "adapter_model.safetensors") adapter = name;
    if (extension == ".bin" || extension == ".pth" || extension == ".pt") pickle = name;
    if (extension == ".gguf") gguf = name;
  }
  if (!adapter.empty()) return "the folder holds only an adapter; merge it into its base model first";
  if (!pickle.empty()) {
    return fmt::format("{} is a pickle, which is never read; convert it with scripts/convert.py", pickle);
  }
  if (!gguf.empty()) return fmt::format("{} cannot be read; use the model's safetensors release", gguf);
  return "download model.safetensors (or the shards with their index) into the folder";
}

void require_folder(const fs::path& folder) {
  std::error_code failed;
  if (fs::is_directory(folder, failed)) return;
  const bool found = is_there(folder);
  throw Error(ErrorKind::model, found ? "not a folder" : "no such model folder", folder.string(),
              found ? "give the folder that holds config.json and model.safetensors" : "check the path");
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// The index must say of every shard exactly what the shard holds.
void check_shard(const ShardIndex& index, const std::string& shard, const SafetensorsFile& file,
                 const std::string& where) {
  for (const auto& [name, view] : file.tensors()) {
    const auto located = index.location.find(name);
    if (located == index.location.end() || located->second != shard) {
      throw Error(ErrorKind::model,
                  fmt::format("{} holds tensor '{}', which weight_map {}", shard, name,
                              located == index.location.end() ? "does not name" : "places in " + located->second),
                  where, "shards and index are from different revisions; download the folder again");
    }
  }
  for (const auto& [name, location] : index.location) {
    if (location == shard && file.tensors().count(name) == 0) {
      throw Error(ErrorKind::model,
                  fmt::format("weight_map places tensor '{}' in {}, which does not hold it", name, shard), where,
                  "shards and index are from different revisions; download the folder again");
    }
  }
}

}  // namespace

ModelFolder ModelFolder::open(const fs::path& folder) {
  require_folder(folder);
  ModelFolder result;
  result.path_ = folder;
  if (!is_there(folder / "config.json")) {
    throw Error(ErrorKind::model, "the folder has no config.json", folder.string(),
                "give a model folder in Hugging Face layout");
  }
  result.config_ = read_json_object(folder / "config.json");
  result.generation_config_ = nlohmann::json::object();
  if (is_there(folder / "generation_config.json")) {
    result.generation_config_ = read_json_object(folder / "generation_config.json");
  }
  for (const std::string_view stem : kWeightStems) {
    const fs::path single = folder / fmt::format("{}.safetensors", stem);
    const fs::path index_path = folder / fmt::format("{}.safetensors.index.json", stem);
    if (is_there(single)) {
      result.files_.push_back(SafetensorsFile::open(single));
      result.file_paths_.push_back(single);
    } else if (is_there(index_path)) {
      const ShardIndex index = read_shard_index(index_path);
      for (const std::string& shard : index.shards) {
        if (!is_there(folder / shard)) {
          throw Error(ErrorKind::model, fmt::format("shard {} is missing", shard), folder.string(),
                      fmt::format("the index names {} shards; download the missing one", index.shards.size()));
        }
        result.files_.push_back(SafetensorsFile::open(folder / shard));
        result.file_paths_.push_back(folder / shard);
        check_shard(index, shard, *result.files_.back(), index_path.string());
      }
    } else {
      continue;
    }
    for (const auto& file : result.files_) {
      for (const auto& [name, view] : file->tensors()) result.tensors_.emplace(name, &view);
    }
    return result;
  }
  throw Error(ErrorKind::model, "the folder has no model.safetensors", folder.string(), hint_without_weights(folder));
}

std::optional<TensorView> ModelFolder::find(const std::string& name) const {
  const auto lookup = [this](const std::string& key) -> std::optional<TensorView> {
    const auto found = tensors_.find(key);
    if (found == tensors_.end()) return std::nullopt;
    return *found->second;
  };
  if (auto exact = lookup(name)) return exact;
  for (const std::string_view prefix : kPrefixes) {
    if (!name.starts_with(prefix)) continue;
    if (auto bare = lookup(name.substr(prefix.size()))) return bare;
  }
  for (const std::string_view prefix : kPrefixes) {
    if (auto prefixed = lookup(std::string(prefix) + name)) return prefixed;
  }
  return std::nullopt;
}

TensorView ModelFolder::require(const std::string& name, const std::vector<std::int64_t>& shape) const {
  std::optional<TensorView> view = find(name);
  if (!view) {
    const std::string nearest = nearest_name(name, tensor_names());
    throw Error(ErrorKind::model, fmt::format("tensor '{}' {} is missing", name, shape_text(shape)), path_.string(),
                nearest.empty() ? "check that config.json belongs to these weights"
                                : fmt::format("the nearest name in the weights is '{}'", nearest));
  }
  if (view->shape != shape) {
    throw Error(ErrorKind::model,
                fmt::format("tensor '{}' has the shape {}, config.json asks for {}", name, shape_text(view->shape),
                            shape_text(shape)),
                path_.string(), "check that config.json belongs to these weights");
  }
  return *std::move(view);
}

std::vector<std::string> ModelFolder::tensor_names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, view] : tensors_) names.push_back(name);
  return names;
}

std::string ModelFolder::sha256() const {
  std::vector<fs::path> paths = file_paths_;
  std::sort(paths.begin(), paths.end());
  std::string lines;
  for (const fs::path& path : paths) {
    lines += fmt::format("{}  {}\n", sha256_file(path.string()), path.lexically_relative(path_).string());
  }
  return sha256_hex(lines);
}

}  // namespace dynexec
