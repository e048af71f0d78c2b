#include "data/labelled_images.hpp"

#include <fmt/format.h>

#include <numeric>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "data/text_file.hpp"

namespace dynexec {
namespace {

constexpr std::size_t kMostBytes = std::size_t{2} << 30;
constexpr std::int64_t kLargestSide = 4096;

[[noreturn]] void refuse(const std::string& what, const std::string& name, const std::string& hint) {
  throw Error(ErrorKind::data, what, name, hint);
}

// The header of an IDX file of unsigned bytes with `dimensions` dimensions.
std::vector<std::int64_t> idx_shape(std::string_view bytes, const std::string& name, std::size_t dimensions) {
  const std::size_t header = 4 + 4 * dimensions;
  if (bytes.size() < header) refuse("the file is shorter than its header", name, "download the file again");
  if (bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8 || static_cast<std::size_t>(bytes[3]) != dimensions)
    refuse(fmt::format("not an IDX file of unsigned bytes with {} dimensions", dimensions), name,
           "idx takes images and labels in turn: [images, labels]");
  std::vector<std::int64_t> shape;
  std::uint64_t product = 1;
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::int64_t extent = 0;
    for (std::size_t i = 0; i < 4; ++i) extent = extent << 8 | static_cast<unsigned char>(bytes[4 + 4 * d + i]);
    if (extent < 1 || (d > 0 && extent > kLargestSide))
      refuse(fmt::format("dimension {} is {}", d, extent), name, "the file is damaged");
    shape.push_back(extent);
    product *= static_cast<std::uint64_t>(extent);  // below 2^32 * 4096^2
  }
  if (product != bytes.size() - header)
    refuse(fmt::format("{} bytes of data instead of {}", bytes.size() - header, product), name,
           "download the file again");
  return shape;
}

void append(LabelledImages& all, LabelledImages more, const std::string& name) {
  if (all.labels.empty()) {
    all = std::move(more);
    return;
  }
  if (more.channels != all.channels || more.height != all.height || more.width != all.width)
    refuse("the images have another size than those of the files before", name, "use files of one data set");
  all.pixels.insert(all.pixels.end(), more.pixels.begin(), more.pixels.end());
  all.labels.insert(all.labels.end(), more.labels.begin(), more.labels.end());
}

std::string read_bytes(const std::filesystem::path& path) {
  std::string bytes = read_file(path.string(), kMostBytes);
  if (bytes.starts_with("\x1f\x8b")) bytes = gunzip(bytes, path.string(), kMostBytes);
  return bytes;
}

}  // namespace

std::vector<float> LabelledImages::image(std::size_t i) const {
  const auto each = static_cast<std::size_t>(channels * height * width);
  std::vector<float> values(each);
  for (std::size_t k = 0; k < each; ++k) values[k] = static_cast<float>(pixels[i * each + k]) / 255.0f;
  return values;
}

LabelledImages parse_cifar(std::string_view bytes, const std::string& name, bool hundred) {
  constexpr std::size_t kPixels = 3 * 32 * 32;
  const std::size_t before = hundred ? 2 : 1, record = before + kPixels;
  const unsigned classes = hundred ? 100 : 10;
  if (bytes.empty() || bytes.size() % record != 0)
    refuse(fmt::format("{} bytes are not a whole number of records of {}", bytes.size(), record), name,
           "use the binary version of the data set (data_batch_1.bin, test_batch.bin)");
  LabelledImages images{.channels = 3, .height = 32, .width = 32, .pixels = {}, .labels = {}};
  images.pixels.reserve(bytes.size() / record * kPixels);
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    const auto label = static_cast<unsigned char>(bytes[at + before - 1]);
    if (label >= classes)
      refuse(fmt::format("label {} at byte {}", label, at + before - 1), name, "the file is damaged");
    images.labels.push_back(label);
    const std::string_view pixels = bytes.substr(at + before, kPixels);
    images.pixels.insert(images.pixels.end(), pixels.begin(), pixels.end());
  }
  return images;
}

LabelledImages parse_idx(std::string_view images, const std::string& image_name, std::string_view labels,
                         const std::string& label_name) {
  const std::vector<std::int64_t> shape = idx_shape(images, image_name, 3), count = idx_shape(labels, label_name, 1);
  if (shape[0] != count[0])
    refuse(fmt::format("{} labels for {} images", count[0], shape[0]), label_name, "use the labels of the same split");
  LabelledImages result{.channels = 1, .height = shape[1], .width = shape[2], .pixels = {}, .labels = {}};
  const std::string_view pixels = images.substr(16), values = labels.substr(8);
  result.pixels.assign(pixels.begin(), pixels.end());
  for (const char value : values) result.labels.push_back(static_cast<unsigned char>(value));
  return result;
}

LabelledImages shuffled(const LabelledImages& images) {
  std::vector<std::size_t> order(images.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  RandomStream(0, images.size(), 0, static_cast<std::uint32_t>(Purpose::task)).shuffle(order);
  LabelledImages result{
      .channels = images.channels, .height = images.height, .width = images.width, .source = images.source};
  const auto bytes = static_cast<std::ptrdiff_t>(images.channels * images.height * images.width);
  result.pixels.reserve(images.pixels.size());
  for (const std::size_t i : order) {
    const auto begin = images.pixels.begin() + static_cast<std::ptrdiff_t>(i) * bytes;
    result.pixels.insert(result.pixels.end(), begin, begin + bytes);
    result.labels.push_back(images.labels[i]);
    if (!images.groups.empty()) result.groups.push_back(images.groups[i]);
  }
  return result;
}

LabelledImages read_images(const std::string& format, const std::vector<std::filesystem::path>& files) {
  if (files.empty()) refuse("no files are named", "task.files", "name at least one");
  const bool idx = format == "idx";
  if (idx && files.size() % 2 != 0)
    refuse("idx takes images and labels in turn", files.back().string(), "name the label file behind each image file");
  LabelledImages all;
  for (std::size_t i = 0; i < files.size(); i += idx ? 2 : 1) {
    const std::string name = files[i].string();
    append(all,
           idx ? parse_idx(read_bytes(files[i]), name, read_bytes(files[i + 1]), files[i + 1].string())
               : parse_cifar(read_bytes(files[i]), name, format == "cifar100"),
           name);
  }
  return all;
}

}  // namespace dynexec
