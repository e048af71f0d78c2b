#include "compress/folder_copy.hpp"

#include <system_error>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/error.hpp"

namespace dynexec {

namespace fs = std::filesystem;

void begin_folder(const fs::path& from, const fs::path& to) {
  std::error_code ignored;
  if (fs::equivalent(from, to, ignored))
    throw Error(ErrorKind::config, "the folder would be overwritten", to.string(), "name another output folder");
  require_writable_folder(to.string());
}

void copy_files(const fs::path& from, const fs::path& to, const std::function<bool(const std::string& name)>& wanted) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(from, failed)) {
    const std::string name = entry.path().filename().string();
    std::error_code error;
    if (!entry.is_regular_file(error) || !wanted(name)) continue;
    fs::copy_file(entry.path(), to / name, fs::copy_options::overwrite_existing, error);
    if (error) throw Error(ErrorKind::io, error.message(), (to / name).string(), "check the disk and its permissions");
  }
  if (failed) throw Error(ErrorKind::io, failed.message(), from.string(), "check the path and its permissions");
}

bool stays_with_weights(const std::string& name) {
  return name.ends_with(".json") && !name.ends_with(".index.json") && name != "config.json";
}

double write_changed_tensors(const ModelFolder& from, const fs::path& file,
                             const std::map<std::string, TensorView>& added) {
  std::vector<TensorView> views;
  for (const auto& [name, view] : added) views.push_back(view);
  for (const std::string& name : from.tensor_names())
    if (!added.contains(name)) views.push_back(*from.find(name));
  write_safetensors(file, views, {{"format", "pt"}});
  return static_cast<double>(fs::file_size(file));
}

double tensor_bytes(const ModelFolder& folder) {
  double bytes = 0;
  for (const std::string& name : folder.tensor_names()) bytes += static_cast<double>(folder.find(name)->bytes.size());
  return bytes;
}

}  // namespace dynexec
