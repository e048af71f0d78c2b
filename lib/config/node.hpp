// A YAML document whose every key must be read: a key left unread is an error with "did you mean".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dynexec {

namespace config_detail {
struct Document;
struct Value;
}  // namespace config_detail

// A view of one mapping, sequence or scalar. Cheap to copy; the document stays alive with it. Reading records
// what was read, so one document belongs to one thread at a time. Every failed read throws
// Error(ErrorKind::config) with file:line:column, the dotted key path and a remedy.
class Node {
 public:
  // Requires a mapping. Missing key: error for get/at; the default is used and recorded (for the resolved
  // config) by the two-argument forms.
  bool has(const std::string& key) const;
  Node at(const std::string& key) const;  // child mapping, sequence or scalar; must exist
  std::optional<Node> find(const std::string& key) const;
  Node section(const std::string& key) const;  // child mapping; an empty one is created when absent

  bool get_bool(const std::string& key) const;
  bool get_bool(const std::string& key, bool fallback) const;
  std::int64_t get_int(const std::string& key) const;
  std::int64_t get_int(const std::string& key, std::int64_t fallback) const;
  // Inclusive bounds, named in the error.
  std::int64_t get_int(const std::string& key, std::int64_t fallback, std::int64_t low, std::int64_t high) const;
  double get_double(const std::string& key) const;
  double get_double(const std::string& key, double fallback) const;
  double get_double(const std::string& key, double fallback, double low, double high) const;
  std::string get_string(const std::string& key) const;
  std::string get_string(const std::string& key, const std::string& fallback) const;
  // The value must be one of `choices`; otherwise the error lists them and says "did you mean".
  std::string get_choice(const std::string& key, const std::string& fallback,
                         const std::vector<std::string>& choices) const;
  std::vector<std::int64_t> get_ints(const std::string& key, const std::vector<std::int64_t>& fallback) const;
  std::vector<double> get_doubles(const std::string& key, const std::vector<double>& fallback) const;
  std::vector<std::string> get_strings(const std::string& key, const std::vector<std::string>& fallback) const;

  // Requires a sequence (of mappings or scalars).
  std::vector<Node> items() const;
  // Requires a mapping: the keys as written, in the order of the file. Reads none of them.
  std::vector<std::string> keys() const;
  // Require a scalar.
  std::string as_string() const;
  std::int64_t as_int() const;
  double as_double() const;
  bool as_bool() const;

  bool is_map() const;
  bool is_sequence() const;
  bool is_scalar() const;
  std::string place() const;     // file:line:column
  std::string key_path() const;  // "paths[2].policy"
  // Throws Error(config) at this node's place; the message is "`key.path` WHAT", so `what` reads like
  // "is longer than the prompt".
  [[noreturn]] void fail(const std::string& what, const std::string& hint) const;

 private:
  friend class Config;
  Node(std::shared_ptr<config_detail::Document> document, config_detail::Value* value);
  std::shared_ptr<config_detail::Document> document_;
  config_detail::Value* value_;
};

class Config {
 public:
  // path: YAML file of at most 1 MiB. `extends: other.yaml` (or a list, the later over the earlier; relative
  // to the file that says it) is merged under it: mappings deeply, everything else replaced. `key: ~` is no
  // key at all and takes an inherited one out. overrides: "a.b=c", "paths.0.length=3", "paths[0].length=3".
  // The value is YAML when it is a single value, a [list] or a {mapping}, else text. Malformed ones throw
  // Error(usage).
  static Config load(const std::string& path, const std::vector<std::string>& overrides);
  static Config parse(const std::string& text, const std::string& name, const std::vector<std::string>& overrides);

  Node root() const;
  // Throws Error(config) for the first key that nobody read, with the nearest key that was asked for at that
  // place.
  void reject_unread() const;
  // Everything that was read, with defaults filled in, in the order of reading; loads back to the same
  // config, whose own resolved text is the same.
  std::string resolved_yaml() const;
  std::string path() const;

 private:
  std::shared_ptr<config_detail::Document> document_;
};

}  // namespace dynexec
