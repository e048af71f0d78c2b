// Builds the experiment "early_exit" from its config.
#include <chrono>
#include <map>

#include "base/error.hpp"
#include "experiments/early_exit/networks.hpp"
#include "experiments/early_exit/path.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec::early_exit {
namespace {

void check_exits(const PathOptions& path, std::size_t exits) {
  const auto count = static_cast<std::int64_t>(exits);
  const auto fail = [&](const char* key) {
    path.node.at(key).fail("names an exit that the network does not have",
                           "its exits are 0 to " + std::to_string(count - 1));
  };
  if (path.method == Method::fixed && path.like.empty() && path.exit >= count) fail("exit");
  if (path.method != Method::early_exit && path.method != Method::predictive) return;
  if (path.start_exit >= count) fail("start_exit");
  std::int64_t last = -1;
  for (const std::int64_t exit : path.tested) {
    if (exit >= count || exit < 0) fail("exits");
    if (exit <= last) path.node.at("exits").fail("is not in ascending order", "list each exit once, in order");
    last = exit;
  }
}

// Where rows run, the same would be a failure of every row and not of the config.
void check_batches(const Node& root, Shared& shared) {
  const Node bench = root.section("bench");
  if (!bench.has("batch_size") || bench.get_int("batch_size") == 1) return;
  const Node batch_size = bench.at("batch_size");
  for (const PathOptions& path : shared.paths)
    if (path.governor.real)
      batch_size.fail("asks for batches, and the frequency of path '" + path.name + "' follows one input at a time",
                      "remove batch_size, or use control: model");
  try {
    shared.rows(2);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    batch_size.fail("asks for batches, and " + error.message(), error.hint());
  }
}

// By the name of the weight format, one for each: what is measured, recorded or learnt in one format says nothing about
// another.
std::map<std::string, std::shared_ptr<Shared>> share(LoadedNetwork& loaded, const Options& options,
                                                     const std::optional<HardwareOptions>& hardware) {
  const auto processors = std::make_shared<Processors>();
  std::map<std::string, std::shared_ptr<Shared>> formats;
  for (auto& [name, network] : loaded.networks) {
    auto shared = std::make_shared<Shared>();
    shared->network = std::move(network);
    shared->task = loaded.test;
    shared->calibration_ms = options.calibration_ms;
    shared->paths = options.paths;
    shared->hardware = hardware;
    shared->processors = processors;
    for (std::size_t i = 0; i < loaded.calibration->size(); ++i)
      shared->calibration.push_back(loaded.calibration->sample(i).input);
    formats[name] = std::move(shared);
  }
  return formats;
}

}  // namespace

Experiment build(const Node& root) {
  Options options = read_options(root);
  LoadedNetwork loaded = load_network(root, options);

  Experiment experiment;
  experiment.task = loaded.test;
  experiment.set_threads = set_compute_threads;
  experiment.provenance = loaded.provenance;
  const auto formats = share(loaded, options, read_hardware(root, experiment.provenance));
  const std::shared_ptr<Shared> baseline = formats.at(options.paths.front().weights.name());
  check_batches(root, *baseline);
  experiment.probe_threads = [baseline](int threads) {
    set_compute_threads(threads);
    const auto start = std::chrono::steady_clock::now();
    baseline->network->start(baseline->calibration.front());
    (void)baseline->network->logits(baseline->network->exits());
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  for (const PathOptions& path : options.paths) {
    check_exits(path, baseline->network->exits());
    experiment.paths.push_back(make_path(formats.at(path.weights.name()), path));
  }
  return experiment;
}

}  // namespace dynexec::early_exit
