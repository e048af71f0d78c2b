// Builds the experiment "perplexity" from its config: one model in several formats reads the same texts.
#include <fmt/format.h>

#include <chrono>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "experiments/decoder_sessions.hpp"
#include "experiments/knobs.hpp"
#include "experiments/perplexity/path.hpp"
#include "experiments/text_task.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec::perplexity {
namespace {

// The texts of another task; a text's figure is the mean surprise of its tokens, whose exponential is the perplexity.
class ScoringTask : public Task {
 public:
  explicit ScoringTask(std::shared_ptr<const Task> texts) : texts_(std::move(texts)) {}

  std::size_t size() const override { return texts_->size(); }
  Sample sample(std::size_t index) const override { return texts_->sample(index); }
  std::vector<Score> score(const Sample&, const Outcome& outcome) const override {
    const auto& surprise = std::any_cast<const Surprise&>(outcome.output);
    return {{quality_metric(), surprise.nats / static_cast<double>(surprise.tokens)}};
  }
  std::string quality_metric() const override { return "nats_per_token"; }
  bool higher_is_better() const override { return false; }

 private:
  std::shared_ptr<const Task> texts_;
};

struct PathOptions {
  std::string name, target;
  DecoderFormats formats;
  Node node;
};

struct Options {
  std::string target;
  std::int64_t max_context = 0;  // 0: as many positions as the model has
  std::vector<PathOptions> paths;
};

Options read_options(const Node& root) {
  Options options;
  const Node model = root.at("model");
  options.target = model.get_string("target");
  options.max_context = model.get_int("max_context", 0, 0, 1 << 24);
  const DecoderFormats shared = read_formats(model, "", {});
  std::set<std::string> names;
  for (const Node& node : root.at("paths").items()) {
    options.paths.push_back({.name = node.get_string("name"),
                             .target = node.get_string("target", options.target),
                             .formats = read_formats(node, "", shared),
                             .node = node});
    if (!names.insert(options.paths.back().name).second)
      node.at("name").fail("two paths are called '" + options.paths.back().name + "'", "give every path its own name");
  }
  const Node bench = root.section("bench");
  if (bench.has("batch_size") && bench.get_int("batch_size") != 1)
    bench.at("batch_size").fail("texts are read one at a time", "remove batch_size");
  if (options.paths.empty()) root.at("paths").fail("no path is listed", "list the baseline first, then the formats");
  return options;
}

// Of the first text that can be read at all.
std::vector<std::int32_t> probe_ids(const Task& texts, const Tokenizer& tokenizer, std::int64_t capacity) {
  for (std::size_t i = 0;; ++i) try {
      return scored_ids(tokenizer, texts.sample(i), capacity).ids;
    } catch (const Error&) {
      if (i + 1 == texts.size()) throw;
    }
}

}  // namespace

Experiment build(const Node& root) {
  const Options options = read_options(root);
  const TextTasks tasks = read_text_tasks(root, 1);
  Experiment experiment;
  experiment.task = std::make_shared<ScoringTask>(tasks.test);
  experiment.set_threads = set_compute_threads;

  const std::string& first = options.paths.front().target;
  std::map<std::string, DecoderSessions> models;
  for (const PathOptions& path : options.paths) models.try_emplace(path.target, "target", path.target);
  const std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::load(resolve_path(first));
  const DecoderConfig config = models.at(first).config();
  const std::int64_t capacity =
      options.max_context > 0 ? std::min(options.max_context, config.max_positions) : config.max_positions;
  for (const PathOptions& path : options.paths) {
    DecoderSessions& model = models.at(path.target);
    const DecoderConfig own = model.config();
    if (own.vocab != config.vocab || own.max_positions < capacity)
      path.node.fail(fmt::format("path '{}' has a model of {} tokens and {} positions, the baseline's has {} and {}",
                                 path.name, own.vocab, own.max_positions, config.vocab, capacity),
                     "compare models of one vocabulary, or set model.max_context");
    experiment.paths.push_back(
        make_path({.name = path.name, .tokenizer = tokenizer, .session = model.get(path.formats, capacity)}));
  }
  for (const auto& [folder, model] : models) experiment.provenance.push_back(model.provenance());
  experiment.provenance.insert(experiment.provenance.end(), tasks.provenance.begin(), tasks.provenance.end());
  const auto session = models.at(first).get(options.paths.front().formats, capacity);
  const std::vector<std::int32_t> ids = probe_ids(*tasks.test, *tokenizer, capacity);
  experiment.probe_threads = [session, ids](int threads) {
    set_compute_threads(threads);
    const auto start = std::chrono::steady_clock::now();
    session->truncate(0);
    session->forward(ids, 1);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  return experiment;
}

// Nothing is there to be tuned: formats change what is computed.
std::vector<Knob> knobs(const Node&) {
  return {};
}

}  // namespace dynexec::perplexity
