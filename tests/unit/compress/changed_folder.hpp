// Changes to model folders that are there.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weights/model_folder.hpp"

namespace dynexec_test {

inline void change_config(const std::filesystem::path& folder, const std::function<void(nlohmann::json&)>& change) {
  nlohmann::json config = dynexec::read_json_object(folder / "config.json");
  change(config);
  std::ofstream(folder / "config.json") << config.dump();
}

inline void change_tensors(const std::filesystem::path& folder,
                           const std::function<void(std::map<std::string, dynexec::TensorView>&)>& change) {
  const dynexec::ModelFolder written = dynexec::ModelFolder::open(folder);
  std::map<std::string, dynexec::TensorView> tensors;
  for (const std::string& name : written.tensor_names()) tensors[name] = *written.find(name);
  change(tensors);
  std::vector<dynexec::TensorView> views;
  for (auto& [name, view] : tensors) {
    view.name = name;
    views.push_back(view);
  }
  dynexec::write_safetensors(folder / "model.safetensors", views, {});
}

}  // namespace dynexec_test
