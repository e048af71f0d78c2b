#include "experiments/diffusion/prompts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "data/scene_task.hpp"
#include "data/scenes/render.hpp"
#include "data/text_prompts.hpp"
#include "experiments/text_task.hpp"

namespace dynexec::diffusion {
namespace {

SceneOptions read_scenes(const Node& task, std::int64_t samples, std::uint64_t seed) {
  SceneOptions options;
  options.split = parse_split(task.get_choice("split", "test", {"train", "calibration", "test"}));
  options.complexities.clear();
  for (const std::int64_t level : task.get_ints("complexities", {1, 2, 3, 4, 5})) {
    if (level < scenes::kMinComplexity || level > scenes::kMaxComplexity)
      task.at("complexities")
          .fail(fmt::format("complexity {} is outside 1..5", level), "list complexities between 1 and 5");
    options.complexities.push_back(static_cast<int>(level));
  }
  if (options.complexities.empty()) task.at("complexities").fail("is empty", "list complexities between 1 and 5");
  options.samples = samples;
  options.seed = seed;
  return options;
}

std::vector<float> signed_pixels(std::vector<float> pixels) {
  for (float& value : pixels) value = 2 * value - 1;
  return pixels;
}

std::vector<PicturePrompt> prompts_of(const SceneOptions& options) {
  std::vector<PicturePrompt> prompts;
  for (const Sample& sample : scene_samples(options)) {
    const auto& scene = std::any_cast<const CaptionedScene&>(sample.input);
    prompts.push_back(
        {.id = sample.id, .group = sample.group, .text = scene.caption, .promises = scene.scene.promises});
  }
  return prompts;
}

// Other pictures of what the prompts promise, prompt after prompt until there are `count`.
std::vector<std::vector<float>> real_pictures(const std::vector<PicturePrompt>& prompts, std::int64_t count,
                                              std::uint64_t seed) {
  std::vector<std::vector<float>> pictures;
  for (std::int64_t i = 0; i < count; ++i) {
    const PicturePrompt& prompt = prompts[static_cast<std::size_t>(i) % prompts.size()];
    RandomStream random(seed, static_cast<std::uint64_t>(i), 0, static_cast<std::uint32_t>(Purpose::prompts));
    pictures.push_back(signed_pixels(scenes::render(scenes::draw_scene_of(*prompt.promises, random), random)));
  }
  return pictures;
}

PromptLists scene_lists(const Node& task, std::int64_t samples, std::int64_t calibration, std::uint64_t seed,
                        bool judged) {
  PromptLists lists;
  SceneOptions options = read_scenes(task, samples, seed);
  lists.test = prompts_of(options);
  const std::int64_t real = task.get_int("real_pictures", 2000, 0, 1'000'000);
  if (judged) lists.real_pictures = real_pictures(lists.test, real, seed);
  options.split = options.split == Split::calibration ? Split::train : Split::calibration;
  options.samples = calibration;
  lists.calibration = prompts_of(options);
  return lists;
}

PromptLists noise_lists(std::int64_t samples, std::int64_t calibration, std::uint64_t seed) {
  PromptLists lists;
  for (std::int64_t i = 0; i < samples + calibration; ++i)
    (i < samples ? lists.test : lists.calibration).push_back({.id = fmt::format("noise-{}/{}", seed, i)});
  return lists;
}

PromptLists file_lists(const Node& root, std::int64_t calibration) {
  PromptLists lists;
  TextTasks tasks = read_prompt_tasks(root.at("task"), calibration);
  lists.provenance = std::move(tasks.provenance);
  const auto take = [](const Task& task, std::vector<PicturePrompt>& prompts) {
    for (std::size_t i = 0; i < task.size(); ++i) {
      const Sample sample = task.sample(i);
      prompts.push_back(
          {.id = sample.id, .group = sample.group, .text = std::any_cast<const TextInput&>(sample.input).prompt});
    }
  };
  take(*tasks.test, lists.test);
  take(*tasks.calibration, lists.calibration);
  return lists;
}

}  // namespace

PromptLists read_prompt_lists(const Node& root, std::int64_t calibration, std::uint64_t seed, bool takes_text) {
  const Node task = root.at("task");
  const std::string kind =
      task.get_choice("kind", takes_text ? "scenes" : "from_noise", {"from_noise", "scenes", "prompts"});
  if (takes_text && kind == "from_noise")
    task.at("kind").fail("has no texts, which the model draws from", "use kind: scenes or kind: prompts");
  if (!takes_text && kind != "from_noise")
    task.at("kind").fail("has texts, and the model takes none", "use kind: from_noise");
  // Of a file all prompts by default.
  if (kind == "prompts") return file_lists(root, calibration);
  const std::int64_t samples = task.get_int("samples", 64, 1, 1'000'000);
  if (kind == "scenes") return scene_lists(task, samples, calibration, seed, root.has("judge"));
  return noise_lists(samples, calibration, seed);
}

}  // namespace dynexec::diffusion
