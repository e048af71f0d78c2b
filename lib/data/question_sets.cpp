#include "data/question_sets.hpp"

#include <fmt/format.h>

namespace dynexec {
namespace {

using nlohmann::json;

const json* field(const json& record, const char* name) {
  const auto found = record.find(name);
  return found == record.end() ? nullptr : &*found;
}

const json* text_field(const json& record, const char* name) {
  const json* value = field(record, name);
  return value != nullptr && value->is_string() ? value : nullptr;
}

std::string number_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  return value.is_number() ? fmt::format("{}", value.get<double>()) : "";
}

std::string id_of(const json& record) {
  for (const char* name : {"question_id", "task_id", "iIndex", "id"}) {
    if (const json* value = field(record, name); value != nullptr && (value->is_string() || value->is_number())) {
      return number_text(*value);
    }
  }
  return "";
}

std::optional<Question> spec_bench(const json& record) {
  const json* turns = field(record, "turns");
  if (turns == nullptr || !turns->is_array() || turns->empty() || !turns->front().is_string()) return std::nullopt;
  Question question{"", "", turns->front(), "", true};
  if (const json* category = text_field(record, "category")) question.group = category->get<std::string>();
  return question;
}

std::optional<Question> human_eval(const json& record) {
  const json* prompt = text_field(record, "prompt");
  if (prompt == nullptr || field(record, "entry_point") == nullptr) return std::nullopt;
  return Question{"", "", *prompt, "", true};
}

std::optional<Question> equation_set(const json& record) {
  const json* text = text_field(record, "sQuestion");
  const json* solutions = field(record, "lSolutions");
  if (text == nullptr || solutions == nullptr || !solutions->is_array() || solutions->empty()) return std::nullopt;
  return Question{"", "", *text, number_text(solutions->front()), false};
}

std::optional<Question> lettered_choices(const json& record) {
  const json* text = text_field(record, "question");
  const json* options = field(record, "options");
  const json* correct = text_field(record, "correct");
  if (text == nullptr || options == nullptr || !options->is_array() || correct == nullptr) return std::nullopt;
  Question question{"", "", *text, *correct, false};
  question.text += "\nAnswer choices:";
  for (const json& option : *options) {
    if (!option.is_string()) return std::nullopt;
    question.text += " " + option.get<std::string>();
  }
  return question;
}

std::optional<Question> commonsense_qa(const json& record) {
  const json* body = field(record, "question");
  const json* key = text_field(record, "answerKey");
  if (body == nullptr || !body->is_object() || key == nullptr) return std::nullopt;
  const json* stem = text_field(*body, "stem");
  const json* choices = field(*body, "choices");
  if (stem == nullptr || choices == nullptr || !choices->is_array()) return std::nullopt;
  Question question{"", "", *stem, *key, false};
  question.text += "\nAnswer choices:";
  for (const json& choice : *choices) {
    if (!choice.is_object()) return std::nullopt;
    const json* label = text_field(choice, "label");
    const json* text = text_field(choice, "text");
    if (label == nullptr || text == nullptr) return std::nullopt;
    question.text += fmt::format(" {}){}", label->get<std::string>(), text->get<std::string>());
  }
  return question;
}

std::optional<Question> big_bench(const json& record) {
  const json* input = text_field(record, "input");
  const json* targets = field(record, "target_scores");
  if (input == nullptr || targets == nullptr || !targets->is_object() || targets->empty()) return std::nullopt;
  Question question{"", "", *input, "", false};
  double best = 0;
  for (const auto& [answer, score] : targets->items()) {
    if (score.is_number() && score.get<double>() > best) {
      best = score.get<double>();
      question.reference = answer;
    }
  }
  return question;
}

std::optional<Question> pair(const json& record) {
  const json* text = text_field(record, "question");
  const json* answer = field(record, "answer");
  if (text == nullptr || answer == nullptr) return std::nullopt;
  return Question{"", "", *text, number_text(*answer), false};
}

}  // namespace

std::optional<Question> read_question(const json& record) {
  if (!record.is_object()) return std::nullopt;
  for (const auto reader : {spec_bench, human_eval, equation_set, lettered_choices, commonsense_qa, big_bench, pair}) {
    if (auto question = reader(record)) {
      question->id = id_of(record);
      return question;
    }
  }
  return std::nullopt;
}

}  // namespace dynexec
