// dynexec list: method families, shipped configs and shipped models.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/engine.hpp"
#include "experiments/families.hpp"

namespace dynexec::cli {
namespace {

namespace fs = std::filesystem;

struct Item {
  std::string name, summary;
};

// The comment that a config starts with is its description.
std::string first_comment(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line.starts_with("# ") ? line.substr(2) : "";
}

bool is_profile(const fs::path& file) {
  return file.parent_path().filename() == "hardware";
}

std::vector<Item> shipped_configs(const fs::path& root, bool profiles) {
  std::vector<Item> items;
  std::error_code failed;
  for (const auto& entry : fs::recursive_directory_iterator(root / "configs", failed))
    if (entry.path().extension() == ".yaml" && is_profile(entry.path()) == profiles)
      items.push_back({fs::relative(entry.path(), root).string(), first_comment(entry.path())});
  std::sort(items.begin(), items.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return items;
}

std::vector<Item> shipped_models(const fs::path& root) {
  std::vector<Item> items;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(root / "models", failed)) {
    std::ifstream in(entry.path() / "config.json");
    const auto config = nlohmann::json::parse(in, nullptr, false);
    if (!config.is_object()) continue;
    items.push_back({fs::relative(entry.path(), root).string(), config.value("model_type", "")});
  }
  std::sort(items.begin(), items.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return items;
}

std::string section(const std::string& title, const std::vector<Item>& items) {
  std::size_t width = 0;
  for (const Item& item : items) width = std::max(width, item.name.size());
  std::string text = title + "\n";
  for (const Item& item : items) text += fmt::format("  {:<{}}  {}\n", item.name, width, item.summary);
  return text + "\n";
}

nlohmann::json as_json(const std::vector<Item>& items) {
  nlohmann::json list = nlohmann::json::array();
  for (const Item& item : items) list.push_back({{"name", item.name}, {"summary", item.summary}});
  return list;
}

}  // namespace

int list(const ListArgs& args) {
  const fs::path root = resource_root();
  std::vector<Item> families;
  for (const Family& family : kFamilies) families.push_back({std::string(family.name), std::string(family.summary)});
  const std::vector<Item> configs = shipped_configs(root, false), profiles = shipped_configs(root, true),
                          models = shipped_models(root);
  if (parse_format(args.format) == Format::json) {
    print(nlohmann::json{{"experiments", as_json(families)},
                         {"configs", as_json(configs)},
                         {"hardware", as_json(profiles)},
                         {"models", as_json(models)}}
              .dump(2) +
          "\n");
  } else {
    print(section("Experiments (the config's `experiment:`)", families) + section("Configs", configs) +
          section("Hardware profiles (the config's `hardware.profile:`)", profiles) + section("Models", models));
  }
  return 0;
}

}  // namespace dynexec::cli
