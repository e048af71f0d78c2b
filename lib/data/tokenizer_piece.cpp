#include "data/tokenizer_piece.hpp"

#include <algorithm>

namespace dynexec {
namespace {

struct Segment {
  std::size_t begin, end;
  bool match;
};

// The whole text as alternating matches and rests.
std::vector<Segment> segments_of(std::size_t size, const std::vector<TextRange>& matches, bool invert) {
  std::vector<Segment> segments;
  segments.reserve(2 * matches.size() + 1);
  std::size_t done = 0;
  for (const TextRange& match : matches) {
    if (match.begin > done) segments.push_back({done, match.begin, invert});
    segments.push_back({match.begin, match.end, !invert});
    done = match.end;
  }
  if (done < size) segments.push_back({done, size, invert});
  return segments;
}

// A match joins the rest before it; of several matches in a row only the first does.
std::vector<Segment> merge_with_previous(const std::vector<Segment>& segments) {
  std::vector<Segment> merged;
  bool after_match = false;
  for (const Segment& segment : segments) {
    if (segment.match && !after_match && !merged.empty()) {
      merged.back().end = segment.end;
    } else {
      merged.push_back(segment);
    }
    after_match = segment.match;
  }
  return merged;
}

std::vector<Segment> merge_with_next(const std::vector<Segment>& segments) {
  std::vector<Segment> merged;
  bool before_match = false;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment->match && !before_match && !merged.empty()) {
      merged.back().begin = segment->begin;
    } else {
      merged.push_back(*segment);
    }
    before_match = segment->match;
  }
  std::reverse(merged.begin(), merged.end());
  return merged;
}

std::vector<Segment> merge_equal(const std::vector<Segment>& segments) {
  std::vector<Segment> merged;
  for (const Segment& segment : segments) {
    if (!merged.empty() && merged.back().match == segment.match) {
      merged.back().end = segment.end;
    } else {
      merged.push_back(segment);
    }
  }
  return merged;
}

}  // namespace

void split_piece(const Piece& piece, const std::vector<TextRange>& matches, bool invert, SplitBehavior behavior,
                 std::vector<Piece>& out) {
  std::vector<Segment> segments = segments_of(piece.text.size(), matches, invert);
  switch (behavior) {
    case SplitBehavior::isolated:
      break;
    case SplitBehavior::removed:
      std::erase_if(segments, [](const Segment& segment) { return segment.match; });
      break;
    case SplitBehavior::merged_with_previous:
      segments = merge_with_previous(segments);
      break;
    case SplitBehavior::merged_with_next:
      segments = merge_with_next(segments);
      break;
    case SplitBehavior::contiguous:
      segments = merge_equal(segments);
      break;
  }
  for (const Segment& segment : segments) {
    if (segment.begin == segment.end) continue;
    out.push_back(
        {piece.text.substr(segment.begin, segment.end - segment.begin), piece.at_start && segment.begin == 0});
  }
}

}  // namespace dynexec
