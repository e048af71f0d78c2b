#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "config/node.hpp"
#include "config/override.hpp"
#include "config/value.hpp"
#include "config/yaml_text.hpp"

namespace dynexec {
namespace {

using config_detail::Budget;
using config_detail::Document;
using config_detail::Entry;
using config_detail::Kind;
using config_detail::Value;

constexpr std::size_t max_chain = 16;

// Lays `over` on top of `base`: mappings deeply, everything else replaced. The result keeps base's order,
// then over's.
void merge(Value& base, Value&& over) {
  base.place = over.place;
  for (Entry& entry : over.entries) {
    const auto found = std::find_if(base.entries.begin(), base.entries.end(),
                                    [&](const Entry& before) { return before.key == entry.key; });
    if (found == base.entries.end()) {
      base.entries.push_back(std::move(entry));
    } else if (entry.value->kind == Kind::null) {
      // Nothing behind the colon leaves what is inherited; only a written null takes it out.
      if (entry.value->written_null) base.entries.erase(found);
    } else if (entry.value->kind == Kind::map && found->value->kind == Kind::map) {
      found->place = entry.place;
      merge(*found->value, std::move(*entry.value));
    } else {
      *found = std::move(entry);
    }
  }
}

// A key whose value is written as null is the same as no such key.
void drop_written_nulls(Value& value) {
  std::erase_if(value.entries, [](const Entry& entry) { return entry.value->written_null; });
  for (Entry& entry : value.entries) drop_written_nulls(*entry.value);
  for (const auto& item : value.items) drop_written_nulls(*item);
}

class Loader {
 public:
  // `chain`: the files that led here, canonical, outermost first.
  std::unique_ptr<Value> load_file(const std::string& path) {
    std::string text;
    try {
      text = read_file(path, config_detail::max_file_bytes);
    } catch (const Error& error) {
      throw Error(ErrorKind::config, error.message(), error.where(), error.hint());
    }
    return load_text(text, path);
  }

  std::unique_ptr<Value> load_text(const std::string& text, const std::string& name) {
    auto tree = config_detail::parse_yaml(text, std::make_shared<const std::string>(name), false, budget_);
    if (tree->kind == Kind::null) {
      throw Error(ErrorKind::config, "the config is empty", tree->place.text(), "write at least one `key: value` line");
    }
    if (tree->kind != Kind::map) {
      throw Error(ErrorKind::config, fmt::format("the config is {}, where a mapping is expected", kind_name(*tree)),
                  tree->place.text(), "write `key: value` lines");
    }
    std::unique_ptr<Value> extends = take_extends(*tree);
    return extends ? on_top_of_bases(std::move(tree), *extends, name) : std::move(tree);
  }

  void enter(const std::string& path) { chain_.push_back(canonical_path(path)); }
  Budget& budget() { return budget_; }

 private:
  static std::string canonical_path(const std::string& path) {
    std::error_code failed;
    const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, failed);
    return failed ? path : canonical.string();
  }

  static std::unique_ptr<Value> take_extends(Value& tree) {
    const auto found = std::find_if(tree.entries.begin(), tree.entries.end(),
                                    [](const Entry& entry) { return entry.key == "extends"; });
    if (found == tree.entries.end()) return nullptr;
    std::unique_ptr<Value> value = std::move(found->value);
    value->step = "extends";
    tree.entries.erase(found);
    return value;
  }

  std::unique_ptr<Value> on_top_of_bases(std::unique_ptr<Value> tree, const Value& extends, const std::string& name) {
    std::vector<const Value*> names;
    if (extends.kind == Kind::sequence) {
      for (const auto& item : extends.items) names.push_back(item.get());
    } else {
      names.push_back(&extends);
    }
    std::unique_ptr<Value> base;
    for (const Value* file : names) {
      std::unique_ptr<Value> next = load_base(*file, name);
      if (base) {
        merge(*base, std::move(*next));
      } else {
        base = std::move(next);
      }
    }
    if (!base) return tree;
    merge(*base, std::move(*tree));
    return base;
  }

  std::unique_ptr<Value> load_base(const Value& file, const std::string& name) {
    const auto refuse = [&](const std::string& what, const std::string& hint) {
      throw Error(ErrorKind::config, what, file.place.text(), hint);
    };
    if (file.kind != Kind::scalar || file.text.empty()) {
      refuse("`extends` does not name a file", "write `extends: file.yaml`, relative to this file");
    }
    const std::string path = (std::filesystem::path(name).parent_path() / file.text).lexically_normal().string();
    const std::string canonical = canonical_path(path);
    if (std::find(chain_.begin(), chain_.end(), canonical) != chain_.end()) {
      refuse(fmt::format("`extends: {}` leads in a circle", file.text), "take one `extends` out of the circle");
    }
    if (chain_.size() >= max_chain) {
      refuse(fmt::format("more than {} files extend each other", max_chain), "shorten the chain of `extends`");
    }
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(path, unknown)) {
      refuse(fmt::format("`extends: {}`: there is no file {}", file.text, path),
             "the name is relative to the file that extends; check its spelling");
    }
    chain_.push_back(canonical);
    std::unique_ptr<Value> base = load_file(path);
    chain_.pop_back();
    return base;
  }

  Budget budget_;
  std::vector<std::string> chain_;  // canonical paths of the files being loaded, outermost first
};

std::shared_ptr<Document> finish(Loader& loader, std::unique_ptr<Value> tree, const std::string& path,
                                 const std::vector<std::string>& overrides) {
  auto document = std::make_shared<Document>();
  document->root = std::move(*tree);
  document->path = path;
  for (const std::string& text : overrides) config_detail::apply_override(document->root, text, loader.budget());
  drop_written_nulls(document->root);
  config_detail::link(document->root);
  document->mark_read(document->root);
  return document;
}

}  // namespace

Config Config::load(const std::string& path, const std::vector<std::string>& overrides) {
  Loader loader;
  loader.enter(path);
  Config config;
  config.document_ = finish(loader, loader.load_file(path), path, overrides);
  return config;
}

Config Config::parse(const std::string& text, const std::string& name, const std::vector<std::string>& overrides) {
  Loader loader;
  loader.enter(name);
  Config config;
  config.document_ = finish(loader, loader.load_text(text, name), name, overrides);
  return config;
}

Node Config::root() const {
  return Node(document_, &document_->root);
}

std::string Config::path() const {
  return document_->path;
}

}  // namespace dynexec
