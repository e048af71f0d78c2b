// The text of one encode() call on its way through the stages.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer_regex.hpp"

namespace dynexec {

// A stretch of text. at_start: it begins where the whole input begins, which prepend_scheme "first" asks for.
struct Piece {
  std::string_view text;
  bool at_start = false;
};

// Owns the text that stages write; views into it stay valid while it lives.
class TextArena {
 public:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

 private:
  std::deque<std::string> texts_;
};

// What becomes of the matches of a splitting pattern.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// Splits `piece` at `matches` (ascending, not overlapping) and appends the non-empty parts. invert: the text
// between the matches plays the matches' part.
void split_piece(const Piece& piece, const std::vector<TextRange>& matches, bool invert, SplitBehavior behavior,
                 std::vector<Piece>& out);

}  // namespace dynexec
