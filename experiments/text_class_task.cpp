#include "experiments/text_class_task.hpp"

#include "data/labelled_texts.hpp"
#include "data/sentence_task.hpp"
#include "experiments/data_source.hpp"
#include "experiments/splits.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMost = 1 << 30;

TextClassTasks read_sentences(const Node& task, std::int64_t wanted, std::int64_t classes) {
  if (classes != static_cast<std::int64_t>(sentences::class_names().size()))
    task.at("kind").fail("the network does not sort into the task's three classes",
                         "use a network that was trained on the sentence task");
  SentenceOptions options;
  options.split = parse_split(task.get_choice("split", "test", {"train", "calibration", "test"}));
  options.difficulties.clear();
  for (const std::int64_t level : task.get_ints("difficulties", {1, 2, 3, 4, 5}))
    options.difficulties.push_back(static_cast<int>(level));
  options.samples = task.get_int("samples", options.samples, 1, 1'000'000);
  options.seed = static_cast<std::uint64_t>(task.get_int("seed", 1, 0, 1LL << 53));
  TextClassTasks tasks;
  tasks.test = std::make_shared<TextClassTask>(sentence_samples(options));
  options.split = options.split == Split::calibration ? Split::train : Split::calibration;
  options.samples = wanted;
  tasks.calibration = std::make_shared<TextClassTask>(sentence_samples(options));
  return tasks;
}

LabelledTextOptions read_file_options(const Node& node, LabelledTextOptions options) {
  options.file = node.get_string("file", options.file);
  options.format = node.get_choice("format", options.format, labelled_text_formats());
  options.text_field = node.get_string("text_field", options.text_field);
  options.label_field = node.get_string("label_field", options.label_field);
  return options;
}

TextClassTasks read_files(const Node& task, const Node& calibration, std::int64_t wanted, std::int64_t classes,
                          const std::vector<std::string>& names) {
  TextClassTasks tasks;
  const auto read = [&](const LabelledTextOptions& options) { return read_labelled_texts(options, classes, names); };
  LabelledTextOptions options;
  options.file = task.get_string("file");
  options = read_file_options(task, options);
  const std::int64_t first = task.get_int("first", 0, 0, kMost), samples = task.get_int("samples", 500, 1, kMost);
  const DataSource source = identify({options.file}, "task data", tasks.provenance);
  const auto take = [&](const std::vector<LabelledText>& texts, const DataSource& from, std::int64_t begin,
                        std::int64_t count) {
    return std::make_shared<TextClassTask>(text_samples(texts, begin, count, names, from.id("text")));
  };
  const std::vector<LabelledText> texts = read(options);
  tasks.test = take(texts, source, first, samples);
  if (calibration.has("file")) {
    const LabelledTextOptions others = read_file_options(calibration, options);
    const DataSource own = identify({others.file}, "calibration data", tasks.provenance);
    const std::int64_t begin = calibration_start(calibration, "file", source, own, first, samples, wanted);
    tasks.calibration = take(read(others), own, begin, wanted);
  } else {
    tasks.calibration = take(texts, source, first + samples, wanted);
  }
  return tasks;
}

}  // namespace

TextClassTasks read_text_class_tasks(const Node& root, std::int64_t classes, const std::vector<std::string>& names) {
  const Node task = root.at("task"), calibration = root.section("calibration");
  const std::int64_t wanted = calibration.get_int("samples", 500, 1, kMost);
  TextClassTasks tasks = task.get_choice("kind", "sentences", {"sentences", "text_classification"}) == "sentences"
                             ? read_sentences(task, wanted, classes)
                             : read_files(task, calibration, wanted, classes, names);
  const Splits splits = read_splits(root, tasks.test, tasks.calibration);
  tasks.test = splits.measured;
  tasks.calibration = splits.calibration;
  return tasks;
}

}  // namespace dynexec
