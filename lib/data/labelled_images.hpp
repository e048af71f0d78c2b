// Labelled images of the public binary formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

struct LabelledImages {
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [count, channels, height, width]
  std::vector<int> labels;
  std::vector<std::string> groups;  // for breakdowns, one each; empty: the labels are the groups
  std::string source = "image";  // begins the ids of samples; one for each content, so that runs match only their own

  std::size_t size() const { return labels.size(); }
  // The values of image i in [0, 1], [channels, height, width].
  std::vector<float> image(std::size_t i) const;
};

// CIFAR-10 binary records: a label byte (0 to 9), then 32 x 32 bytes of red, green and blue. CIFAR-100's have a coarse
// label before the fine one. Error(data) for sizes and labels that do not fit, with the byte position.
LabelledImages parse_cifar(std::string_view bytes, const std::string& name, bool hundred = false);
// IDX (MNIST and its relatives): images [count, rows, columns] and labels [count], both of unsigned bytes.
LabelledImages parse_idx(std::string_view images, const std::string& image_name, std::string_view labels,
                         const std::string& label_name);

inline const std::vector<std::string>& image_formats() {
  static const std::vector<std::string> names{"cifar10", "cifar100", "idx"};
  return names;
}
// The same images and labels in an order that only their number decides. Files are often sorted, and then no part of
// one stands for another.
LabelledImages shuffled(const LabelledImages& images);

// Reads and joins files of one format, plain or gzip. idx: images and labels in turn. Throws Error(io) and Error(data).
LabelledImages read_images(const std::string& format, const std::vector<std::filesystem::path>& files);

}  // namespace dynexec
