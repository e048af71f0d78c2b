// The words and phrases of the sentence task.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec::sentences {

std::span<const std::string_view> dishes();
std::span<const std::string_view> praise();
std::span<const std::string_view> blame();
std::span<const std::string_view> guests();
std::span<const std::string_view> openings();       // "On Monday", or nothing
std::span<const std::string_view> plain_verbs();    // "was really"
std::span<const std::string_view> negated_verbs();  // "was not"
std::span<const std::string_view> plain_reports();  // "said that": neither right nor wrong
std::span<const std::string_view> right_reports();  // "rightly said that"
std::span<const std::string_view> wrong_reports();
std::span<const std::string_view> right_frames();  // "it is true that"
std::span<const std::string_view> wrong_frames();
std::span<const std::string_view> kept();         // "and stood by that"
std::span<const std::string_view> withdrawn();    // "and then took that back"
std::span<const std::string_view> concessions();  // "although": what follows counts for nothing
std::span<const std::string_view> contrasts();    // "but": what comes before counts for nothing
std::span<const std::string_view> absences();     // "nobody tried the {}"

// Every word that a sentence may hold, in lower case, sorted; punctuation aside.
std::vector<std::string> vocabulary();

}  // namespace dynexec::sentences
