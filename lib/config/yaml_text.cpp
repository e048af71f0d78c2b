#include "config/yaml_text.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/places.hpp"

namespace dynexec::config_detail {
namespace {

[[noreturn]] void refuse(const Place& place, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::config, what, place.text(), hint);
}

void check_bytes(std::string_view text, const Places& places) {
  if (text.size() > max_file_bytes) {
    refuse(places.at(std::size_t{0}), "the text holds more than 1 MiB", "check that this is a config file");
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0 || text[at] == '\0') {
      refuse(places.at(at), length == 0 ? "a byte that is not UTF-8" : "a NUL character",
             "save the file as UTF-8 text; check that this is a config file");
    }
    at += length;
  }
}

// yaml-cpp turns the escapes \_ and \N into single bytes where UTF-8 needs two (the text itself was found to be UTF-8).
std::string with_whole_characters(const std::string& text) {
  std::string whole;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) whole += '\xc2';
    whole += text.substr(at, std::max<std::size_t>(1, length));
    at += std::max<std::size_t>(1, length);
  }
  return whole;
}

bool is_marker(std::string_view line, std::string_view marker) {
  if (line.substr(0, 3) != marker) return false;
  return line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r';
}

// yaml-cpp's own loop over documents can run forever on malformed text, and its single-document call drops
// the rest without a word; hence this check on the lines. A marker in column 1 is one even inside a quoted or
// block scalar.
void check_one_document(std::string_view text, const Places& places) {
  bool content = false, started = false, ended = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const std::size_t first = line.find_first_not_of(" \t\r");
    const bool blank = first == std::string_view::npos || line[first] == '#';
    const bool marker = is_marker(line, "---");
    if ((marker && (content || started)) || (ended && !blank)) {
      refuse(places.at(at), "a second document begins here", "a config is one document: split the file");
    }
    if (marker) {
      started = true;
      content = line.find_first_not_of(" \t\r", 3) != std::string_view::npos;
    } else if (is_marker(line, "...")) {
      ended = true;
    } else if (!blank && line[0] != '%') {
      content = true;
    }
    at = end + 1;
  }
}

[[noreturn]] void refuse_reference(const Place& place) {
  refuse(place, "an anchor or alias (`&name`, `*name`)",
         "configs share settings by `extends: file.yaml`; quote a text that begins with & or *");
}

// Builds the tree from yaml-cpp's events: no YAML::Node, whose conversions know no places and whose aliases
// multiply.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const Places& places, Budget& budget)
      : places_(places), budget_(budget), here_(places.at(std::size_t{0})) {}

  const Place& here() const { return here_; }

  std::unique_ptr<Value> take() {
    if (root_) return std::move(root_);
    auto nothing = std::make_unique<Value>();
    nothing->place = places_.at(std::size_t{0});
    return nothing;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!document_seen_) {
      document_seen_ = true;
      return;
    }
    refuse(places_.at(mark, here_), "text that does not belong to the document before it",
           "check brackets, quotes and indentation around this place");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) refuse(places_.at(mark, here_), "a key without a name", "write `key: value`");
    auto value = make(Kind::null, mark);
    value->written_null = places_.is_written_null(mark);
    if (!open_.empty() && open_.back().value->kind == Kind::map) value->place = open_.back().key_place;
    add(std::move(value));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark, 1); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& parsed) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    const std::string text = with_whole_characters(parsed);
    if (text.find('\0') != std::string::npos) {
      refuse(places_.at(mark, here_), "a text with a NUL character", "remove the escape \\0");
    }
    if (expects_key()) {
      take_key(mark, text);
      return;
    }
    auto value = make(Kind::scalar, mark);
    value->text = text;
    value->quoted = tag == "!";
    add(std::move(value));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Kind::sequence, mark, tag, anchor, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Kind::map, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Level {
    Value* value;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::unordered_map<std::string, Place> keys = {};
  };

  bool expects_key() const { return !open_.empty() && open_.back().value->kind == Kind::map && !open_.back().has_key; }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse_reference(places_.at(mark, here_));
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(places_.at(mark, here_), fmt::format("a type tag (`{}`)", excerpt(tag)),
           "write the value without a tag; quote it to make it a text");
  }

  std::unique_ptr<Value> make(Kind kind, const YAML::Mark& mark) {
    here_ = places_.at(mark, here_);
    if (budget_.nodes_left == 0) {
      refuse(here_, "the config holds more than 100,000 values", "keep data in files of its own, not in the config");
    }
    --budget_.nodes_left;
    auto value = std::make_unique<Value>();
    value->kind = kind;
    value->place = here_;
    return value;
  }

  void open(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (expects_key()) {
      refuse(places_.at(mark, here_), "a key that is a list or mapping",
             "keys are plain names: close every bracket and brace, and quote a text that holds them");
    }
    if (open_.size() == max_depth) {
      refuse(places_.at(mark, here_), fmt::format("more than {} levels of nesting", max_depth), "flatten the config");
    }
    auto value = make(kind, mark);
    value->flow = style == YAML::EmitterStyle::Flow;
    Value* container = value.get();
    add(std::move(value));
    open_.push_back({container, false, {}, {}, {}});
  }

  void take_key(const YAML::Mark& mark, const std::string& key) {
    const Place place = places_.at(mark, here_);
    if (key == "<<") {
      refuse(place, "a merge key (`<<`), which is not supported", "share settings by `extends: file.yaml` instead");
    }
    if (key.empty()) refuse(place, "a key without a name", "write `key: value`");
    if (key.size() > max_key_bytes) {
      refuse(place, fmt::format("a key of more than {} bytes", max_key_bytes), "check that this is a config file");
    }
    const auto [before, fresh] = open_.back().keys.emplace(key, place);
    if (!fresh) {
      refuse(place, fmt::format("the key `{}` stands here a second time, first at {}", key, before->second.text()),
             "remove one of the two");
    }
    open_.back().has_key = true;
    open_.back().key = key;
    open_.back().key_place = place;
    here_ = place;
  }

  void add(std::unique_ptr<Value> value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = open_.back();
    if (level.value->kind == Kind::sequence) {
      level.value->items.push_back(std::move(value));
      return;
    }
    level.value->entries.push_back({std::move(level.key), level.key_place, std::move(value)});
    level.has_key = false;
  }

  const Places& places_;
  Budget& budget_;
  Place here_;  // of the last event, for those that come without a mark
  bool document_seen_ = false;
  std::unique_ptr<Value> root_;
  std::vector<Level> open_;
};

// What yaml-cpp found, in words that say how to mend it.
// `line`: the text of the line that `place` is on.
[[noreturn]] void refuse_syntax(const std::string& message, std::string_view line, const Place& place,
                                const Place& before) {
  namespace msg = YAML::ErrorMsg;
  if (message == msg::EOF_IN_SCALAR) {
    refuse(place, "the text ends inside quotes",
           fmt::format("close the quote; it was opened somewhere after {}", before.text()));
  }
  if (message.starts_with(msg::UNKNOWN_ANCHOR)) refuse_reference(place);
  const auto hint = [&]() -> const char* {
    // yaml-cpp names the tab in few of the cases that it causes.
    if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos) {
      return "this line is indented with a tab: indent with spaces";
    }
    if (message == msg::MAP_VALUE) {
      return "quote a text that holds `: `; give a nested key its own line, indented under its parent";
    }
    if (message == msg::UNKNOWN_TOKEN) return "quote a text that begins with a special character";
    if (message == msg::END_OF_SEQ_FLOW) return "close the bracket that is open here";
    if (message == msg::END_OF_MAP_FLOW) return "close the brace that is open here";
    return "check quotes, brackets and indentation (spaces, no tabs) at this place and just above it";
  };
  refuse(place, fmt::format("not valid YAML: {}", message), hint());
}

}  // namespace

std::unique_ptr<Value> parse_yaml(const std::string& text, const std::shared_ptr<const std::string>& source,
                                  bool whole_place, Budget& budget) {
  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  const bool marked = text.compare(0, byte_order_mark.size(), byte_order_mark) == 0;
  const std::string body = marked ? text.substr(byte_order_mark.size()) : text;
  const Places places(body, source, whole_place);
  check_bytes(body, places);
  check_one_document(body, places);

  // yaml-cpp overlooks a quote that is still open at the end of the text when the last character is a line
  // break, and takes the rest of the file for the quoted text. A comment behind the break makes it look
  // again.
  const bool open_ended = !body.empty() && (body.back() == '\n' || body.back() == '\r');
  std::istringstream stream(open_ended ? body + "#" : body);
  TreeBuilder builder(places, budget);
  try {
    YAML::Parser parser(stream);
    // The second call finds what the first left over; the builder refuses it.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& error) {
    const Place place = places.at(error.mark, places.at(body.size()));
    refuse_syntax(error.msg, places.line_at(error.mark), place, builder.here());
  }
  return builder.take();
}

}  // namespace dynexec::config_detail
