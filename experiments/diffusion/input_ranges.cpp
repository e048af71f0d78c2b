#include "experiments/diffusion/input_ranges.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "data/text_prompts.hpp"
#include "experiments/diffusion/options.hpp"
#include "experiments/diffusion/picture_task.hpp"
#include "experiments/diffusion/prompts.hpp"
#include "experiments/diffusion/quantised_model.hpp"
#include "experiments/splits.hpp"

namespace dynexec::diffusion {
namespace {

using Draw = std::function<void(const std::shared_ptr<const PictureModel>& model, const Options& options)>;

// Learns from what `draw` draws as the config has it, once the model is there.
LearntPictures learn(const Node& root, const std::filesystem::path& folder, const Draw& draw) {
  LearntPictures learnt;
  learnt.ranges = learn_picture_ranges(folder, [&](const PictureModel& model) {
    learnt.sha256 = model.sha256();
    Options options = read_options(root, model.sampling(), model.takes_text());
    // Which of the formats it is makes no difference to the pictures.
    if (!options.any_quantised())
      for (PathOptions& path : options.paths) path.weights = QuantisedWeights::int8;
    // The model belongs to the caller, who keeps it until all is drawn.
    draw(std::shared_ptr<const PictureModel>(std::shared_ptr<void>(), &model), options);
  });
  return learnt;
}

}  // namespace

LearntPictures learn_ranges(const Node& root, const std::filesystem::path& folder, const std::function<void()>& drawn) {
  return learn(root, folder, [&](const std::shared_ptr<const PictureModel>& model, const Options& options) {
    PromptLists prompts = read_prompt_lists(root, options.calibration, options.seed, model->takes_text());
    PictureTaskOptions task{.seed = options.seed};
    PictureTaskOptions behind{.seed = options.seed, .first_noise = prompts.test.size()};
    const Splits splits =
        read_splits(root, std::make_shared<PictureTask>(model, std::move(prompts.test), std::move(task)),
                    std::make_shared<PictureTask>(model, std::move(prompts.calibration), std::move(behind)));
    calibration_drawing(splits.calibration, options.paths, read_quantisation(root), drawn)(*model);
  });
}

LearntPictures learn_ranges_of_texts(const std::string& file, std::int64_t samples, const std::filesystem::path& folder,
                                     const std::function<void()>& drawn) {
  PromptOptions wanted;
  wanted.file = file;
  std::vector<PicturePrompt> prompts;
  for (const PromptRecord& record : read_prompts(wanted))
    if (static_cast<std::int64_t>(prompts.size()) < samples)
      prompts.push_back({.id = record.id, .text = record.prompt});
  if (prompts.empty()) throw Error(ErrorKind::data, "the file holds no text", file, "name a file of texts, one a line");
  const Config defaults = Config::parse("{model: {}, task: {}, paths: [{name: full}]}", "defaults", {});
  return learn(defaults.root(), folder, [&](const std::shared_ptr<const PictureModel>& model, const Options& options) {
    if (!model->takes_text())
      throw Error(ErrorKind::config, "the pipeline takes no text", file, "name a config with --calibration");
    const Quantisation quantisation{.samples = samples};
    const auto task = std::make_shared<PictureTask>(model, prompts, PictureTaskOptions{.seed = options.seed});
    calibration_drawing(task, options.paths, quantisation, drawn)(*model);
  });
}

}  // namespace dynexec::diffusion
