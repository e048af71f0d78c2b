// The record shapes of the public question sets.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace dynexec {

struct Question {
  std::string id, group, text, reference;
  bool verbatim = false;  // the text is a prompt as it stands (code, chat turns), not a question to be answered
};

// Recognises by its fields a record of Spec-Bench (turns, category), GSM8K (question, answer with "####"), HumanEval
// (prompt, entry_point; executing the result is not attempted, so without reference), MultiArith, AddSub, SingleEq
// (sQuestion, lSolutions), AQuA (question, options, correct), CommonsenseQA (question.stem, answerKey), BIG-bench
// tasks (input, target_scores) and plain question/answer pairs. nullopt for anything else.
std::optional<Question> read_question(const nlohmann::json& record);

}  // namespace dynexec
