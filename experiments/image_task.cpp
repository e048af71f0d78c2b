#include "experiments/image_task.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "base/sha256.hpp"
#include "data/shapes/field.hpp"
#include "data/shapes/shapes.hpp"
#include "experiments/data_source.hpp"
#include "experiments/splits.hpp"

namespace dynexec {
namespace {

struct ImageFiles {
  std::shared_ptr<const LabelledImages> images;
  DataSource source;
};

ImageFiles read_files(const Node& node, const std::string& format, bool shuffle, const std::string& role,
                      std::vector<Provenance>& provenance) {
  const std::vector<std::string> files = node.get_strings("files", {});
  if (files.empty()) node.fail("names no files", "files: [test_batch.bin]");
  const DataSource source = identify(files, role, provenance);
  std::vector<std::filesystem::path> paths;
  for (const std::string& file : files) paths.push_back(resolve_path(file));
  LabelledImages images = read_images(format, paths);
  if (shuffle) images = shuffled(images);
  images.source = source.id(shuffle ? format + "-shuffled" : format);
  return {std::make_shared<LabelledImages>(std::move(images)), source};
}

// Images of other options are others.
std::string source_of(const ShapeOptions& options) {
  const std::string all =
      fmt::format("{} {} {} {}", split_name(options.split), options.seed, options.size, fmt::join(options.mix, ","));
  return "shapes-" + sha256_hex(all).substr(0, 8);
}

// Both splits are drawn anew: nothing is read.
ImageTasks shape_tasks(const Node& task, const Node& calibration) {
  ShapeOptions options;
  options.mix = task.get_doubles("mix", options.mix);
  options.seed = static_cast<std::uint64_t>(task.get_int("seed", 1, 0, 1LL << 53));
  options.size = task.get_int("size", options.size, 16, 256);
  try {
    options.check();
  } catch (const Error& error) {
    task.at("mix").fail(error.message(), error.hint());
  }
  options.split = parse_split(task.get_choice("split", "test", {"test", "calibration"}));
  const auto draw = [&](std::int64_t first, std::int64_t count) {
    LabelledImages images = draw_shapes(options, static_cast<std::uint64_t>(first), count);
    images.source = source_of(options) + (first > 0 ? fmt::format("-from-{}", first) : "");
    return std::make_shared<ImageTask>(std::make_shared<LabelledImages>(std::move(images)), 0, count, shapes::names());
  };
  ImageTasks tasks;
  tasks.channels = 3;
  tasks.size = options.size;
  const std::int64_t samples = task.get_int("samples", 1000, 1, 1'000'000),
                     wanted = calibration.get_int("samples", 1000, 1, 1'000'000);
  // The calibration split may be measured itself: then what calibrates lies behind it.
  const bool same = options.split == Split::calibration;
  tasks.test = draw(0, samples);
  options.split = Split::calibration;
  tasks.calibration = draw(same ? samples : 0, wanted);
  return tasks;
}

ImageTasks file_tasks(const Node& task, const Node& calibration) {
  const std::string format = task.get_choice("format", "cifar10", image_formats());
  const std::vector<std::string> classes = task.get_strings("classes", {});
  const std::int64_t first = task.get_int("first", 0, 0, 1 << 30), samples = task.get_int("samples", 500, 1, 1 << 30);
  const std::int64_t wanted = calibration.get_int("samples", 500, 1, 1 << 30);

  ImageTasks tasks;
  const bool shuffle = task.get_bool("shuffle", false);
  const auto [images, source] = read_files(task, format, shuffle, "task data", tasks.provenance);
  tasks.channels = images->channels;
  tasks.size = images->height;
  if (images->height != images->width) task.at("files").fail("holds images that are not square", "use square images");
  tasks.test = std::make_shared<ImageTask>(images, first, samples, classes);
  if (calibration.has("files")) {
    const ImageFiles others = read_files(calibration, format, shuffle, "calibration data", tasks.provenance);
    const std::int64_t start = calibration_start(calibration, "files", source, others.source, first, samples, wanted);
    tasks.calibration = std::make_shared<ImageTask>(others.images, start, wanted, classes);
  } else {
    tasks.calibration = std::make_shared<ImageTask>(images, first + samples, wanted, classes);
  }
  return tasks;
}

}  // namespace

ImageTasks read_image_tasks(const Node& root) {
  const Node task = root.at("task"), calibration = root.section("calibration");
  const bool drawn = task.get_choice("kind", "images", {"images", "shapes"}) == "shapes";
  ImageTasks tasks = drawn ? shape_tasks(task, calibration) : file_tasks(task, calibration);
  const Splits splits = read_splits(root, tasks.test, tasks.calibration);
  tasks.test = splits.measured;
  tasks.calibration = splits.calibration;
  return tasks;
}

}  // namespace dynexec
