// The tree behind Node: what the files and overrides say, and which of it has been read and asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dynexec::config_detail {

struct Place {
  std::shared_ptr<const std::string> source;  // file name, or the whole "--set a.b=c"
  int line = 0;                               // from 1; 0 for an override, which has no lines
  int column = 0;                             // from 1, in characters

  std::string text() const;  // "file:line:column"
};

enum class Kind { null, scalar, sequence, map };

struct Value;

struct Entry {
  std::string key;
  Place place;  // of the key
  std::unique_ptr<Value> value;
};

struct Value {
  Kind kind = Kind::null;
  Place place;
  std::string text;           // of a scalar
  bool quoted = false;        // scalar in quotes or a block: never a number or a truth value
  bool flow = false;          // container written in brackets or braces
  bool written_null = false;  // `~` or `null`, not just nothing behind the colon
  std::vector<Entry> entries;
  std::vector<std::unique_ptr<Value>> items;

  Value* parent = nullptr;
  std::string step;             // how the parent calls this value: "length" or "[2]"
  bool given = true;            // false: a default that the program filled in
  std::uint64_t order = 0;      // when it was first read, from 1; 0: never
  std::string canonical;        // how a number or truth value was understood, for the resolved config
  std::set<std::string> asked;  // keys that the program asked this mapping for

  Entry* find(const std::string& key);
  std::string path() const;  // "paths[2].length"; empty for the root
};

struct Document {
  Value root;
  std::string path;
  std::uint64_t reads = 0;

  void mark_read(Value& value) {
    if (value.order == 0) value.order = ++reads;
  }
};

// Sets parent and step in the whole tree, after merging and overriding have settled its shape.
void link(Value& value);

// Throws Error(config) at the value's place; the message is "`key.path` WHAT".
[[noreturn]] void fail_at(const Value& value, const std::string& what, const std::string& hint);

// "a list", "a mapping", "a single value", "empty".
std::string kind_name(const Value& value);

}  // namespace dynexec::config_detail
