#include "compress/quantise_pipeline.hpp"

#include <map>
#include <system_error>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "compress/folder_copy.hpp"
#include "models/diffusion/stored_layers.hpp"
#include "models/diffusion/unet.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

constexpr const char *kIndex = "model_index.json", *kUnet = "unet";

void copy_components(const fs::path& from, const fs::path& to) {
  std::vector<fs::path> components;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(from, failed)) {
    std::error_code ignored;
    const std::string name = entry.path().filename().string();
    const bool hidden = name.starts_with('.'), output = fs::equivalent(entry.path(), to, ignored);
    if (entry.is_directory(ignored) && name != kUnet && !hidden && !output) components.push_back(entry.path());
  }
  if (failed) throw Error(ErrorKind::io, failed.message(), from.string(), "check the path and its permissions");
  for (const fs::path& component : components) {
    require_writable_folder((to / component.filename()).string());
    copy_files(component, to / component.filename(), [](const std::string&) { return true; });
  }
}

}  // namespace

QuantiseReport quantise_pipeline(const fs::path& from, const fs::path& to, diffusers::LayerPlan::Kind kind,
                                 std::shared_ptr<diffusers::ActivationRanges> ranges, const std::string& sha256) {
  const ModelFolder unet = ModelFolder::open(from / kUnet);
  const diffusers::QuantisedLayers layers = diffusers::quantise_unet(unet, kind, std::move(ranges));
  begin_folder(from, to);
  require_writable_folder((to / kUnet).string());
  QuantiseReport report{.bytes_before = tensor_bytes(unet)};
  std::map<std::string, TensorView> added;
  std::vector<StoredTensors> stored;
  stored.reserve(layers.matrices.size());
  for (const auto& [name, matrix] : layers.matrices) {
    report.matrices.push_back({.name = name});
    for (const TensorView& view : stored.emplace_back(name, matrix).views) added[view.name] = view;
  }
  for (const auto& [name, conv] : layers.convolutions) {
    report.matrices.push_back({.name = name});
    for (const TensorView& view : diffusers::conv_views(name, conv)) added[view.name] = view;
  }
  report.bytes_after = write_changed_tensors(unet, to / kUnet / "diffusion_pytorch_model.safetensors", added);
  write_file_atomically((to / kUnet / "config.json").string(),
                        diffusers::quantised_unet_config(unet, kind, sha256).dump(2) + "\n");
  copy_components(from, to);
  write_file_atomically((to / kIndex).string(), read_file((from / kIndex).string()));
  return report;
}

}  // namespace dynexec
