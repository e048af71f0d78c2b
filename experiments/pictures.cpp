#include "experiments/pictures.hpp"

#include "experiments/diffusion/picture_task.hpp"

namespace dynexec {

std::optional<Picture> picture_of(const Outcome& outcome) {
  const auto* made = std::any_cast<diffusion::PictureOutput>(&outcome.output);
  if (!made) return std::nullopt;
  return picture_from({.values = made->pixels,
                       .channels = made->shape.channels,
                       .height = made->shape.height,
                       .width = made->shape.width},
                      -1, 1);
}

std::string text_of_picture(const Sample& sample) {
  const auto* input = std::any_cast<diffusion::PictureInput>(&sample.input);
  return input ? input->prompt.text : "";
}

}  // namespace dynexec
