// What outcomes look like, for people.
#pragma once

#include <optional>
#include <string>

#include "image/picture.hpp"
#include "measure/contract.hpp"

namespace dynexec {

// The picture that a path made; none where it made something else.
std::optional<Picture> picture_of(const Outcome& outcome);

// The text that a sample's picture was made from; "" without one.
std::string text_of_picture(const Sample& sample);

}  // namespace dynexec
