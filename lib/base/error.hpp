// One exception type for everything that ends an operation: what, where, and what to do about it.
#pragma once

#include <span>
#include <stdexcept>
#include <string>

namespace dynexec {

// The kind decides the exit code (see exit_code) and nothing else.
enum class ErrorKind {
  usage,        // command line
  config,       // YAML config or --set override
  data,         // task data, tokenizer input, CSV to compare
  model,        // weights, config.json, tokenizer.json
  io,           // files, disk full, permissions
  interrupted,  // Ctrl-C; the run can be resumed
  internal,     // a bug in dynexec
};

class Error : public std::runtime_error {
 public:
  // what:  one sentence without a final stop. where: file:line:column, tensor name or path; may be empty.
  // hint:  the remedy, one sentence; may be empty only for internal errors.
  Error(ErrorKind kind, std::string what, std::string where, std::string hint);

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorKind kind_;
  std::string message_, where_, hint_;
};

// 2 for usage and config, 130 for interrupted, 1 otherwise.
int exit_code(ErrorKind kind);

// "error: WHERE: WHAT\n  hint: HINT\n"; control characters in any part are escaped.
std::string format_error(const Error& error);

// The candidate nearest to `word` by edit distance when it is close enough to be a typing slip, else "".
// Used for every "did you mean".
std::string nearest_name(const std::string& word, std::span<const std::string> candidates);

}  // namespace dynexec
