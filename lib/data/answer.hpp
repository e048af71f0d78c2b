// Finding and comparing final answers in generated text.
#pragma once

#include <string>
#include <string_view>

namespace dynexec {

// What stands after the last "####" up to the end of its line; without the mark, the last number of the text, and
// without a number its last line. Blanks are trimmed.
std::string final_answer(std::string_view text);

// Lower case, blanks collapsed, a final stop, currency signs and thousands separators dropped, "7.0" equal to "7".
std::string normalise_answer(std::string_view answer);

// Whether the output's final answer is `reference` after normalisation. After "####" exactly it must stand there. Free
// text is searched for the last thing of the reference's kind: a number, a choice's letter (A to F), yes or no; any
// other reference must end the last line. An empty reference matches nothing.
bool answers_match(std::string_view output, std::string_view reference);

}  // namespace dynexec
