#include "data/tokenizer_regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "data/tokenizer_unicode.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kMaxPattern = 1 << 14;
// Each call of the matcher tries at most this many start positions, so that the clock is looked at often
// enough.
constexpr std::size_t kStartsPerCall = 64;
constexpr std::size_t kJitStackBytes = std::size_t{8} << 20;
constexpr std::uint32_t kHeapKibibytes = 64 << 10;
// Sensible patterns take under a microsecond a byte.
constexpr double kBaseSeconds = 2, kSecondsPerByte = 20e-6;

// Everything that the matcher writes to, one set a thread.
struct Workspace {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr);

  Workspace() {
    if (data == nullptr || context == nullptr) throw std::bad_alloc();
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
    pcre2_set_heap_limit(context, kHeapKibibytes);
  }
  ~Workspace() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
};

Workspace& workspace() {
  thread_local Workspace one;
  return one;
}

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof buffer) < 0) return fmt::format("PCRE2 error {}", code);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  std::string where;

  Code() = default;
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
};

Regex::Regex(std::string_view pattern, const std::string& where) {
  if (pattern.size() > kMaxPattern) {
    throw Error(ErrorKind::model,
                fmt::format("a pattern of {} bytes is beyond the limit of {}", pattern.size(), kMaxPattern), where,
                "use a shorter pattern");
  }
  const std::string translated = translate_regex(pattern, where);
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_shared<Code>();
  code->where = where;
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C,
                             &error, &offset, context.get());
  if (code->code == nullptr) {
    throw Error(ErrorKind::model, fmt::format("the pattern '{}' is not supported: {}", pattern, pcre2_message(error)),
                where, "use a tokenizer with a plainer pattern");
  }
  // Without JIT (some hardened kernels refuse executable memory) matching is slower and no less correct.
  static_cast<void>(pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE));
  code_ = std::move(code);
}

// One walk over one text with its time budget.
class Regex::Search {
 public:
  Search(const Code& code, std::string_view text) : code_(code), text_(text), workspace_(workspace()) {
    const std::size_t steps = 100'000 + 16 * text.size();
    pcre2_set_match_limit(workspace_.context, static_cast<std::uint32_t>(std::min<std::size_t>(steps, 1u << 31)));
  }

  std::optional<TextRange> next(std::size_t at) {
    for (;;) {
      const std::size_t last_start = std::min(text_.size(), at + kStartsPerCall);
      pcre2_set_offset_limit(workspace_.context, last_start);
      const int found = pcre2_match(code_.code, reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), at,
                                    PCRE2_NO_UTF_CHECK, workspace_.data, workspace_.context);
      if (++calls_ % 16 == 0 || found == PCRE2_ERROR_NOMATCH) check_clock();
      if (found >= 0) {
        const PCRE2_SIZE* range = pcre2_get_ovector_pointer(workspace_.data);
        // \K inside a lookahead can end a match before its start.
        if (range[0] > range[1] || range[0] < at) refuse("a match that ends before it begins");
        return TextRange{range[0], range[1]};
      }
      if (found != PCRE2_ERROR_NOMATCH) refuse(pcre2_message(found));
      if (last_start == text_.size()) return std::nullopt;
      at = last_start + 1;
      while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80) ++at;
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::data, fmt::format("the pattern cannot be applied to this text: {}", what), code_.where,
                "shorten the text or use a tokenizer with a plainer pattern");
  }

  void check_clock() {
    const auto now = std::chrono::steady_clock::now();
    if (started_ == std::chrono::steady_clock::time_point{}) started_ = now;
    const std::chrono::duration<double> taken = now - started_;
    if (taken.count() > kBaseSeconds + kSecondsPerByte * static_cast<double>(text_.size())) {
      refuse("it takes too long (catastrophic backtracking)");
    }
  }

  const Code& code_;
  std::string_view text_;
  Workspace& workspace_;
  std::size_t calls_ = 0;
  std::chrono::steady_clock::time_point started_;
};

std::optional<TextRange> Regex::find(std::string_view text, std::size_t at) const {
  return Search(*code_, text).next(at);
}

void Regex::find_all(std::string_view text, std::vector<TextRange>& matches) const {
  Search search(*code_, text);
  std::size_t at = 0;
  std::optional<std::size_t> last_end;
  while (at <= text.size()) {
    const std::optional<TextRange> match = search.next(at);
    if (!match) return;
    if (match->begin == match->end && last_end == match->end) {
      at += at < text.size() ? decode_utf8(text, at).bytes : 1;
      continue;
    }
    matches.push_back(*match);
    at = match->end;
    last_end = match->end;
  }
}

TextPattern TextPattern::literal(std::string text) {
  TextPattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

TextPattern TextPattern::regex(std::string_view expression, const std::string& where) {
  TextPattern pattern;
  pattern.regex_.emplace(expression, where);
  return pattern;
}

void TextPattern::find_all(std::string_view text, std::vector<TextRange>& matches) const {
  if (regex_) return regex_->find_all(text, matches);
  for (std::size_t at = text.find(literal_); at != std::string_view::npos; at = text.find(literal_, at)) {
    matches.push_back({at, at + literal_.size()});
    at += literal_.size();
  }
}

bool TextPattern::matches_start(std::string_view text) const {
  if (!regex_) return text.starts_with(literal_);
  const std::optional<TextRange> first = regex_->find(text, 0);
  return first && first->begin == 0 && first->end > 0;
}

std::string TextPattern::replace(std::string_view text, std::string_view content) const {
  std::string result;
  result.reserve(text.size());
  std::size_t copied = 0;
  const auto put = [&](std::size_t begin, std::size_t end) {
    if (result.size() + content.size() + text.size() - copied > kMaxTokenizerText) {
      throw Error(ErrorKind::data, "replacing makes the text longer than 256 MiB", "tokenizer", "shorten the text");
    }
    result.append(text, copied, begin - copied).append(content);
    copied = end;
  };
  if (regex_) {
    std::vector<TextRange> matches;
    regex_->find_all(text, matches);
    for (const TextRange& match : matches) put(match.begin, match.end);
  } else {
    for (std::size_t at = text.find(literal_); at != std::string_view::npos; at = text.find(literal_, copied)) {
      put(at, at + literal_.size());
    }
  }
  return result.append(text, copied);
}

}  // namespace dynexec
