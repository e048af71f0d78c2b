#include "weights/safetensors_header.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr const char* kHint = "the file is damaged or was not written as safetensors; download or convert it again";

// The header has one form: {name: {dtype, shape: [..], data_offsets: [begin, end]}, "__metadata__": {text:
// text}}. The handler walks it as a state machine, so nothing of another form is ever stored.
class HeaderHandler {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  explicit HeaderHandler(const std::string& file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) {
    switch (state_) {
      case State::before:
        state_ = State::names;
        return true;
      case State::value_of_name:
        return begin_entry();
      default:
        return unexpected("an object");
    }
  }

  bool key(string_t& name) {
    if (state_ == State::names) {
      if (!names_.insert(name).second) fail("the name occurs twice in the header", name);
      entry_ = HeaderEntry{};
      entry_.name = name;
      state_ = State::value_of_name;
    } else if (state_ == State::metadata) {
      if (header_.metadata.count(name) != 0) fail(fmt::format("the metadata key '{}' occurs twice", name), "");
      metadata_key_ = name;
    } else {
      begin_field(name);
    }
    return true;
  }

  bool end_object() {
    if (state_ == State::fields) return finish_entry();
    if (state_ == State::metadata) {
      state_ = State::names;
    } else {
      state_ = State::after;
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (state_ == State::value_of_shape) {
      state_ = State::shape;
    } else if (state_ == State::value_of_offsets) {
      state_ = State::offsets;
    } else {
      return unexpected("a list");
    }
    return true;
  }

  bool end_array() {
    if (state_ == State::offsets && offsets_.size() != 2) fail("data_offsets must hold two numbers", entry_.name);
    state_ = State::fields;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) {
    if (state_ == State::shape) {
      if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
        fail("an extent of the shape is beyond 2^63", entry_.name);
      }
      if (entry_.shape.size() == kMaxRank) fail(fmt::format("more than {} dimensions", kMaxRank), entry_.name);
      entry_.shape.push_back(static_cast<std::int64_t>(value));
    } else if (state_ == State::offsets) {
      if (offsets_.size() == 2) fail("data_offsets must hold two numbers", entry_.name);
      offsets_.push_back(value);
    } else {
      return unexpected("a number");
    }
    return true;
  }

  bool string(string_t& value) {
    if (state_ == State::metadata) {
      header_.metadata.emplace(metadata_key_, value);
      return true;
    }
    if (state_ != State::value_of_dtype) return unexpected("a string");
    const std::optional<DType> dtype = dtype_from_name(value);
    if (!dtype) {
      throw Error(ErrorKind::model,
                  fmt::format("tensor '{}' has the type '{}', which is not supported", entry_.name, value), file_,
                  "convert the checkpoint to F32, F16 or BF16");
    }
    entry_.dtype = *dtype;
    state_ = State::fields;
    return true;
  }

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a truth value"); }
  bool number_integer(number_integer_t) { return unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) { return unexpected("a number that is not an integer"); }
  bool binary(binary_t&) { return unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    fail(fmt::format("the header is not valid UTF-8 JSON (byte {} of the header)", position), "");
  }

 private:
  enum class State {
    before,
    names,
    value_of_name,
    metadata,
    fields,
    value_of_dtype,
    value_of_shape,
    shape,
    value_of_offsets,
    offsets,
    after,
  };

  [[noreturn]] void fail(const std::string& what, const std::string& tensor) const {
    const std::string text = tensor.empty() ? what : fmt::format("tensor '{}': {}", tensor, what);
    throw Error(ErrorKind::model, text, file_, kHint);
  }

  bool unexpected(const char* found) const {
    const bool inside = state_ != State::before && state_ != State::metadata;
    fail(fmt::format("the header has {} where the format has none", found), inside ? entry_.name : "");
  }

  bool begin_entry() {
    if (entry_.name == kMetadataKey) {
      state_ = State::metadata;
      return true;
    }
    if (header_.tensors.size() == kMaxTensors) fail(fmt::format("more than {} tensors", kMaxTensors), "");
    seen_dtype_ = seen_shape_ = seen_offsets_ = false;
    offsets_.clear();
    state_ = State::fields;
    return true;
  }

  void begin_field(const std::string& name) {
    bool* seen = nullptr;
    if (name == "dtype") {
      seen = &seen_dtype_, state_ = State::value_of_dtype;
    } else if (name == "shape") {
      seen = &seen_shape_, state_ = State::value_of_shape;
    } else if (name == "data_offsets") {
      seen = &seen_offsets_, state_ = State::value_of_offsets;
    } else {
      fail(fmt::format("unknown field '{}'", name), entry_.name);
    }
    if (*seen) fail(fmt::format("the field '{}' occurs twice", name), entry_.name);
    *seen = true;
  }

  bool finish_entry() {
    for (const auto& [seen, field] :
         {std::pair{seen_dtype_, "dtype"}, std::pair{seen_shape_, "shape"}, std::pair{seen_offsets_, "data_offsets"}}) {
      if (!seen) fail(fmt::format("the field '{}' is missing", field), entry_.name);
    }
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    header_.tensors.push_back(std::move(entry_));
    state_ = State::names;
    return true;
  }

  const std::string& file_;
  State state_ = State::before;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  std::string metadata_key_;
  HeaderEntry entry_;
  bool seen_dtype_ = false, seen_shape_ = false, seen_offsets_ = false;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file) {
  if (text.empty() || text.front() != '{') {
    throw Error(ErrorKind::model, "the header does not begin with '{'", file, kHint);
  }
  // The JSON reader takes a NUL for the end of its input; JSON text has none.
  const std::size_t nul = text.find('\0');
  const std::size_t last = text.find_last_not_of(' ');
  if (nul != std::string_view::npos || text[last] != '}') {
    throw Error(ErrorKind::model, "the header does not end with '}' and spaces", file, kHint);
  }
  HeaderHandler handler(file);
  nlohmann::json::sax_parse(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(last + 1), &handler);
  return handler.take();
}

}  // namespace dynexec
