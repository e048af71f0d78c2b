// Bounds-checked reading of config.json. A key that is absent or null takes the default where there is one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dynexec {

class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string where);

  const nlohmann::json& object() const { return object_; }
  const std::string& where() const { return where_; }
  // Present and not null.
  bool has(const std::string& key) const;

  std::int64_t integer(const std::string& key, std::int64_t low, std::int64_t high,
                       std::optional<std::int64_t> absent = std::nullopt) const;
  double number(const std::string& key, double low, double high, std::optional<double> absent = std::nullopt) const;
  bool boolean(const std::string& key, bool absent) const;
  std::string text(const std::string& key, const std::string& absent) const;
  // One integer or a list of them; empty when absent.
  std::vector<std::int64_t> integers(const std::string& key, std::int64_t low, std::int64_t high) const;
  std::vector<std::string> texts(const std::string& key) const;
  JsonFields child(const std::string& key) const;

  // Throws Error(model) at `key`.
  [[noreturn]] void refuse(const std::string& key, const std::string& what, const std::string& hint) const;

 private:
  const nlohmann::json& value(const std::string& key) const;
  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace dynexec
