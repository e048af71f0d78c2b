// Short forms shared by the config tests.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/node.hpp"

namespace dynexec_test {

using dynexec::Config;
using dynexec::Error;
using dynexec::ErrorKind;
using dynexec::Node;

inline Config parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return Config::parse(text, "t.yaml", overrides);
}

inline Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  throw std::runtime_error("an error was expected and none was thrown");
}

// One error in full: where it stands, what it says, what to do.
inline void check_error(const std::function<void()>& action, const std::string& where, const std::string& what,
                        const std::string& hint, ErrorKind kind = ErrorKind::config) {
  const Error error = error_of(action);
  CHECK(error.where() == where);
  CHECK(error.message() == what);
  CHECK(error.hint() == hint);
  CHECK(error.kind() == kind);
}

// The place only, and that the message holds `part` and a remedy is given.
inline void check_refused(const std::string& text, const std::string& where, const std::string& part) {
  CAPTURE(text.substr(0, 80));
  const Error error = error_of([&] { parse(text); });
  CHECK(error.kind() == ErrorKind::config);
  CHECK(error.where() == where);
  CAPTURE(error.message());
  CHECK(error.message().find(part) != std::string::npos);
  CHECK_FALSE(error.hint().empty());
}

}  // namespace dynexec_test
