#include "data/text_classes.hpp"

namespace dynexec {

std::vector<Score> TextClassTask::score(const Sample& sample, const Outcome& outcome) const {
  const auto& wanted = std::any_cast<const LabelledText&>(sample.input);
  const auto& found = std::any_cast<const ClassOutput&>(outcome.output);
  return {{"accuracy", wanted.label == found.label ? 1.0 : 0.0}};
}

}  // namespace dynexec
