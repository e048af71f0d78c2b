// Builds the experiment "speculative" from its config.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "experiments/decoder_sessions.hpp"
#include "experiments/speculative/path.hpp"
#include "experiments/text_task.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec::speculative {
namespace {

// Draft and target must agree on what a token id means, or accepted text would be nonsense.
void check_same_vocabulary(const Tokenizer& target, const Tokenizer& draft, const Options& options) {
  const std::string probe = "The 12 quick brown foxes, don't they? \xC3\xA9\xE4\xBD\xA0 #### 42\n";
  if (target.vocab_size() == draft.vocab_size() && target.encode(probe, true) == draft.encode(probe, true)) return;
  throw Error(ErrorKind::config, "draft and target use different vocabularies", options.draft_place,
              "draft with a model of the same tokenizer, or use drafter: prompt_lookup or self");
}

std::vector<std::vector<std::int32_t>> encode_prompts(const Task& task, const Tokenizer& tokenizer,
                                                      std::int64_t limit) {
  std::vector<std::vector<std::int32_t>> prompts;
  for (std::size_t i = 0; i < task.size() && static_cast<std::int64_t>(i) < limit; ++i)
    prompts.push_back(tokenizer.encode(std::any_cast<const TextInput&>(task.sample(i).input).prompt, true));
  return prompts;
}

// Positions that prompts and outputs need, bounded by what the model and the config allow.
std::int64_t choose_capacity(const DecoderConfig& config, const Options& options, std::size_t longest_prompt) {
  std::int64_t wanted = static_cast<std::int64_t>(longest_prompt) + options.generation.max_new_tokens;
  if (options.max_context > 0) wanted = std::min(wanted, options.max_context);
  return std::max<std::int64_t>(1, std::min(wanted, config.max_positions));
}

// Wall time of a short greedy decode; the prompt is processed once a call, outside the timing.
double probe_decode_ms(DecoderSession& session, std::span<const std::int32_t> prompt) {
  session.truncate(0);
  const std::int64_t room = std::max<std::int64_t>(1, session.capacity() - static_cast<std::int64_t>(prompt.size()));
  std::int32_t token = argmax(session.forward(prompt, 1));
  const std::int64_t steps = std::min<std::int64_t>(room, 4);
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < steps; ++i) token = argmax(session.forward({&token, 1}, 1));
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(steps);
}

}  // namespace

Experiment build(const Node& root) {
  const Options options = read_options(root);
  const TextTasks tasks = read_text_tasks(root, options.calibration_samples);

  Experiment experiment;
  experiment.task = tasks.test;
  experiment.set_threads = set_compute_threads;

  DecoderSessions targets("target", options.target);
  const DecoderConfig config = targets.config();
  const std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::load(resolve_path(options.target));

  auto prompts = std::make_shared<std::vector<std::vector<std::int32_t>>>(
      encode_prompts(*tasks.calibration, *tokenizer, options.calibration_samples));
  std::size_t longest = 0;
  for (std::size_t i = 0; i < tasks.test->size(); ++i)
    longest = std::max(
        longest, tokenizer->encode(std::any_cast<const TextInput&>(tasks.test->sample(i).input).prompt, true).size());
  for (const auto& prompt : *prompts) longest = std::max(longest, prompt.size());
  const std::int64_t capacity = choose_capacity(config, options, longest);
  // Calibration prompts that do not fit are left out; test prompts that do not fit become rows with an error.
  std::erase_if(*prompts, [&](const auto& prompt) {
    return static_cast<std::int64_t>(prompt.size()) + options.generation.max_new_tokens - 1 > capacity;
  });
  for (const PathOptions& path : options.paths) targets.get(path.weights, capacity);
  const auto baseline = targets.get(options.paths.front().weights, capacity);
  experiment.provenance.push_back(targets.provenance());
  experiment.provenance.insert(experiment.provenance.end(), tasks.provenance.begin(), tasks.provenance.end());
  if (!prompts->empty())
    experiment.probe_threads = [baseline, prompts](int threads) {
      set_compute_threads(threads);
      return probe_decode_ms(*baseline, prompts->front());
    };

  std::optional<DecoderSessions> drafts;
  for (const PathOptions& path : options.paths) {
    if (path.drafter != DrafterKind::model) continue;
    if (!drafts) {
      drafts.emplace("draft", options.draft);
      check_same_vocabulary(*tokenizer, *Tokenizer::load(resolve_path(options.draft)), options);
    }
    drafts->get(path.draft_weights, capacity);
  }
  if (drafts) experiment.provenance.push_back(drafts->provenance());

  std::shared_ptr<const HardwareModel> hardware;
  if (const auto chosen = read_hardware(root, experiment.provenance)) {
    const double resident = targets.memory_bytes() + (drafts ? drafts->memory_bytes() : 0);
    hardware = std::make_shared<HardwareModel>(chosen->model(resident));
  }

  std::map<std::string, std::shared_ptr<SharedCalibration>> calibrations;
  for (const PathOptions& path : options.paths) {
    if (path.drafter == DrafterKind::self && path.exit_layer >= config.layers)
      path.node.fail(
          "exit_layer must be below the number of the target's layers (" + std::to_string(config.layers) + ")",
          "draft with fewer layers");
    const auto session = targets.get(path.weights, capacity);
    PathParts parts{.options = path,
                    .generation = options.generation,
                    .tokenizer = tokenizer,
                    .target = session,
                    .make_drafter = {},
                    .calibration = {},
                    .hardware = hardware,
                    .same_weights = session->decoder().formats() == baseline->decoder().formats()};
    switch (path.drafter) {
      case DrafterKind::none:
        break;
      case DrafterKind::model:
        parts.make_drafter = [draft = drafts->get(path.draft_weights, capacity), vocab = config.vocab] {
          return make_model_drafter(draft, vocab);
        };
        break;
      case DrafterKind::self:
        parts.make_drafter = [session, layer = path.exit_layer] { return make_self_drafter(session, layer); };
        break;
      case DrafterKind::prompt_lookup:
        parts.make_drafter = [lookup = path.lookup] { return make_prompt_lookup_drafter(lookup); };
        break;
    }
    std::shared_ptr<SharedCalibration>& shared = calibrations[path.drafter_key()];
    if (!shared)
      shared = std::make_shared<SharedCalibration>(
          [session, make = parts.make_drafter, prompts, options](std::int64_t max_length) {
            return calibrate(session, make ? make() : nullptr, options.generation, *prompts,
                             {.max_length = max_length, .budget_ms = options.calibration_ms, .seed = 0});
          });
    parts.calibration = shared;
    experiment.paths.push_back(make_path(std::move(parts)));
  }
  return experiment;
}

}  // namespace dynexec::speculative
