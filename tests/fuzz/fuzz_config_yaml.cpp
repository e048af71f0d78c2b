// Any bytes either load as a config or give one Error; what loads can be read in every way and resolves to
// itself. The input is the YAML text, then overrides, each after a NUL.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/node.hpp"

namespace {

using dynexec::Config;
using dynexec::Error;
using dynexec::ErrorKind;
using dynexec::Node;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

void check_error(const Error& error) {
  require(error.kind() == ErrorKind::config || error.kind() == ErrorKind::usage,
          "bad input is a config or usage error");
  require(!error.where().empty() && !error.hint().empty() && !error.message().empty(), "what, where and a remedy");
  const std::string text = format_error(error);
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const bool own_break = text.compare(i, 9, "\n  hint: ") == 0;
    require(static_cast<unsigned char>(text[i]) >= 0x20 || own_break, "messages hold no control characters");
  }
}

template <class Action>
void attempt(Action action) {
  try {
    action();
  } catch (const Error& error) {
    check_error(error);
  }
}

// Every typed reader on every value.
void try_all_reads(const Node& node) {
  attempt([&] { node.as_string(); });
  attempt([&] { node.as_int(); });
  attempt([&] { node.as_double(); });
  attempt([&] { node.as_bool(); });
  node.place();
  node.key_path();
  if (node.is_sequence()) {
    for (const Node& item : node.items()) try_all_reads(item);
  }
  if (!node.is_map()) return;
  for (const std::string& key : node.keys()) {
    attempt([&] { node.get_ints(key, {}); });
    attempt([&] { node.get_doubles(key, {}); });
    attempt([&] { node.get_int(key, 1, 0, 9); });
    attempt([&] { node.get_choice(key, "a", {"a", "b"}); });
    try_all_reads(node.at(key));
  }
}

// Reads everything as text, so that nothing is left unread.
void read_as_text(const Node& node) {
  if (node.is_scalar()) node.as_string();
  if (node.is_sequence()) {
    for (const Node& item : node.items()) read_as_text(item);
  }
  if (!node.is_map()) return;
  for (const std::string& key : node.keys()) {
    const Node child = node.at(key);
    if (child.is_map() || child.is_sequence() || child.is_scalar()) {
      read_as_text(child);
    } else {
      node.section(key);
    }
  }
}

std::string resolve(const Config& config) {
  read_as_text(config.root());
  config.reject_unread();
  return config.resolved_yaml();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == 0) {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(data[i]);
    }
  }
  const std::vector<std::string> overrides(parts.begin() + 1, parts.end());
  try {
    try_all_reads(Config::parse(parts[0], "fuzz.yaml", overrides).root());
    const std::string once = resolve(Config::parse(parts[0], "fuzz.yaml", overrides));
    const std::string twice = resolve(Config::parse(once, "resolved.yaml", {}));
    require(once == twice, "a resolved config resolves to itself");
  } catch (const Error& error) {
    require(error.where().rfind("resolved.yaml", 0) != 0, "a resolved config loads");
    check_error(error);
  }
  return 0;
}
