#include "data/image_task.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {

ImageTask::ImageTask(std::shared_ptr<const LabelledImages> images, std::int64_t first, std::int64_t samples,
                     std::vector<std::string> class_names)
    : images_(std::move(images)), class_names_(std::move(class_names)) {
  const auto available = static_cast<std::int64_t>(images_->size()) - first;
  if (first < 0 || available < 1 || samples > available)
    throw Error(ErrorKind::data,
                fmt::format("images {} to {} were asked for, there are {}", first,
                            first + std::max<std::int64_t>(1, samples) - 1, images_->size()),
                "task", "lower first or samples, or name more files");
  first_ = static_cast<std::size_t>(first);
  count_ = static_cast<std::size_t>(samples > 0 ? samples : available);
}

Sample ImageTask::sample(std::size_t index) const {
  const std::size_t at = first_ + index;
  const int label = images_->labels.at(at);
  const bool named = static_cast<std::size_t>(label) < class_names_.size();
  const std::string name = named ? class_names_[static_cast<std::size_t>(label)] : std::to_string(label);
  return {.index = index,
          .id = fmt::format("{}-{}", images_->source, at),
          .group = images_->groups.empty() ? name : images_->groups.at(at),
          .input = ImageInput{.pixels = images_->image(at), .label = label}};
}

std::vector<Score> ImageTask::score(const Sample& sample, const Outcome& outcome) const {
  const auto& wanted = std::any_cast<const ImageInput&>(sample.input);
  const auto& found = std::any_cast<const ClassOutput&>(outcome.output);
  return {{"accuracy", wanted.label == found.label ? 1.0 : 0.0}};
}

}  // namespace dynexec
