// The readers of image files take any bytes: they read them whole or throw dynexec::Error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "data/labelled_images.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dynexec;
  if (size == 0) return 0;
  // The first byte cuts the rest into an image file and a label file.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = bytes.size() * data[0] / 255;
  const auto whole = [](const LabelledImages& images) {
    if (images.size() == 0 || images.image(images.size() - 1).empty()) std::abort();
    if (images.pixels.size() !=
        images.size() * static_cast<std::size_t>(images.channels * images.height * images.width))
      std::abort();
  };
  try {
    whole(parse_idx(bytes.substr(0, cut), "images", bytes.substr(cut), "labels"));
  } catch (const Error&) {
  }
  for (const bool hundred : {false, true}) {
    try {
      whole(parse_cifar(bytes, "cifar", hundred));
    } catch (const Error&) {
    }
  }
  return 0;
}
