#include "experiments/early_exit/input_ranges.hpp"

#include <algorithm>
#include <any>
#include <string>

#include "base/interrupt.hpp"

namespace dynexec::early_exit {
namespace {

constexpr std::int64_t kSamples = 256, kMostSamples = 1 << 20;

}  // namespace

ImageTasks read_images_of(const Node& root, const CnnConfig& config) {
  ImageTasks tasks = read_image_tasks(root);
  if (config.in_channels != tasks.channels || config.image_size != tasks.size)
    root.at("task").fail(
        "has images of another size than the network takes",
        "use images of " + std::to_string(config.image_size) + " x " + std::to_string(config.image_size));
  return tasks;
}

CnnRanges learn_ranges(const Node& root, const std::shared_ptr<const Cnn>& fp32, const Task& calibration,
                       const RangeProgress& progress) {
  const std::int64_t samples = root.section("quantisation").get_int("samples", kSamples, 1, kMostSamples);
  const std::size_t count = std::min(static_cast<std::size_t>(samples), calibration.size());
  CnnSession session(fp32);
  CnnRanges ranges;
  for (std::size_t i = 0; i < count; ++i) {
    throw_if_interrupted();
    session.start(std::any_cast<const ImageInput&>(calibration.sample(i).input).pixels);
    session.observe(ranges);
    if (progress) progress(i + 1, count);
  }
  return ranges;
}

CnnRanges learn_ranges(const Node& root, const ModelFolder& folder, const RangeProgress& progress) {
  const std::shared_ptr<const Cnn> network = Cnn::load(folder);
  const ImageTasks tasks = read_images_of(root, network->config());
  return learn_ranges(root, network, *tasks.calibration, progress);
}

}  // namespace dynexec::early_exit
