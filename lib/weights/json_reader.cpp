#include "weights/json_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {
namespace {

using nlohmann::json;

std::string place(std::string_view text, std::size_t position, const std::string& where) {
  const std::string_view before = text.substr(0, std::min(position, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  return fmt::format("{}:{}:{}", where, line, column + 1);
}

// Builds the document while refusing what json::parse accepts silently: duplicate keys and any depth.
class StrictBuilder {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  StrictBuilder(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  json take() { return std::move(root_); }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(number_integer_t value) { return put(value); }
  bool number_unsigned(number_unsigned_t value) { return put(value); }
  bool number_float(number_float_t value, const string_t&) { return put(value); }
  bool string(string_t& value) { return put(std::move(value)); }
  bool binary(binary_t&) { return false; }

  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    auto [slot, is_new] = open_.back()->get_ref<json::object_t&>().try_emplace(name);
    if (!is_new) fail(fmt::format("the key '{}' occurs twice", name), "remove one of the two");
    slot_ = &slot->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) {
    throw Error(ErrorKind::model, fmt::format("not valid JSON (byte {})", position),
                place(text_, position == 0 ? 0 : position - 1, where_), "the file is damaged; download it again");
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& hint) const {
    throw Error(ErrorKind::model, what, where_, hint);
  }

  json* place_value(json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool put(json value) {
    place_value(std::move(value));
    return true;
  }

  bool open(json container) {
    if (open_.size() == static_cast<std::size_t>(kMaxJsonDepth)) {
      fail(fmt::format("nested deeper than {} levels", kMaxJsonDepth), "no model file needs that; download it again");
    }
    open_.push_back(place_value(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& where_;
  json root_;
  std::vector<json*> open_;  // from the top level to the innermost; containers do not move while they are open
  json* slot_ = nullptr;     // where the value of the last key goes
};

}  // namespace

json parse_json_object(std::string_view text, const std::string& where) {
  // The JSON reader takes a NUL for the end of its input; JSON text has none.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(ErrorKind::model, fmt::format("not valid JSON (byte {})", nul + 1), place(text, nul, where),
                "the file is damaged; download it again");
  }
  StrictBuilder builder(text, where);
  json::sax_parse(text.begin(), text.end(), &builder);
  json document = builder.take();
  if (!document.is_object()) {
    throw Error(ErrorKind::model, fmt::format("the file holds {} where an object is needed", document.type_name()),
                where, "the file is damaged; download it again");
  }
  return document;
}

json read_json_object(const std::filesystem::path& path, std::size_t max_bytes) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  if (!failed && size > max_bytes) {
    throw Error(ErrorKind::model, fmt::format("{} bytes of JSON are beyond the limit of {}", size, max_bytes),
                path.string(), "check that this is the file you meant");
  }
  return parse_json_object(read_file(path.string(), max_bytes), path.string());
}

json read_json_object(const std::filesystem::path& path) {
  return read_json_object(path, kMaxJsonBytes);
}

}  // namespace dynexec
