// Characters that the reference tokenizers library does not know yet. Its normal forms follow Unicode 9 and
// its punctuation Unicode 8; models are trained on what it does, so what came later passes through unchanged
// here too.
#pragma once

namespace dynexec {

// Marks and decomposable characters that Unicode 9 lacks: they neither decompose, nor compose, nor move, nor
// count as accents.
bool is_late_for_normal_forms(char32_t value);

// Punctuation, nonspacing marks and control characters that Unicode 8 lacks.
bool is_late_punctuation(char32_t value);
bool is_late_nonspacing(char32_t value);
bool is_late_control(char32_t value);

}  // namespace dynexec
