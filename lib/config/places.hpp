// From yaml-cpp's marks (bytes, counted from 0) to the places that a person reads (characters, counted from
// 1).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "config/value.hpp"

namespace YAML {
struct Mark;
}

namespace dynexec::config_detail {

class Places {
 public:
  // `whole`: the source has no lines (an override); every place is the source itself.
  Places(std::string_view text, std::shared_ptr<const std::string> source, bool whole)
      : text_(text), source_(std::move(source)), whole_(whole) {}

  Place at(std::size_t position) const;
  // yaml-cpp gives a null mark for some implicit nodes: those are at `otherwise`.
  Place at(const YAML::Mark& mark, const Place& otherwise) const;
  // The line that the mark is on, without its line break; empty for a null mark.
  std::string_view line_at(const YAML::Mark& mark) const;
  // Whether `~` or `null` stands at the mark of a null node, rather than nothing.
  bool is_written_null(const YAML::Mark& mark) const;

 private:
  Place from_line(int line, std::size_t line_start, std::size_t position) const;

  std::string_view text_;
  std::shared_ptr<const std::string> source_;
  bool whole_;
  // The last column found: counting goes on from there, as a line may be a million characters long.
  mutable std::size_t known_line_start_ = 0, known_position_ = 0;
  mutable int known_column_ = 1;
};

}  // namespace dynexec::config_detail
