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

// 1 when the final answers are equal after normalisation. An empty answer matches nothing.
bool answers_match(std::string_view output, std::string_view reference);

}  // namespace dynexec
