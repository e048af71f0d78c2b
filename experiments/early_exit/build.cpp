// Builds the experiment "early_exit" from its config.
#include <chrono>

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
  if (path.method == Method::fixed && (path.exit < 0 || path.exit >= count)) fail("exit");
  if (path.method != Method::early_exit) return;
  if (path.tested.empty() && path.start_exit >= count) fail("start_exit");
  std::int64_t last = -1;
  for (const std::int64_t exit : path.tested) {
    if (exit >= count || exit < 0) fail("exits");
    if (exit <= last) path.node.at("exits").fail("is not in ascending order", "list each exit once, in order");
    last = exit;
  }
}

}  // namespace

Experiment build(const Node& root) {
  const Options options = read_options(root);
  LoadedNetwork loaded = load_network(root, options.network);
  auto shared = std::make_shared<Shared>();
  shared->network = std::move(loaded.network);
  shared->calibration_ms = options.calibration_ms;
  shared->paths = options.paths;
  for (std::size_t i = 0; i < loaded.calibration->size(); ++i)
    shared->calibration.push_back(loaded.calibration->sample(i).input);

  Experiment experiment;
  experiment.task = loaded.test;
  experiment.set_threads = set_compute_threads;
  experiment.provenance = loaded.provenance;
  experiment.probe_threads = [shared](int threads) {
    set_compute_threads(threads);
    const auto start = std::chrono::steady_clock::now();
    shared->network->start(shared->calibration.front());
    (void)shared->network->logits(shared->network->exits());
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  for (const PathOptions& path : options.paths) {
    check_exits(path, shared->network->exits());
    experiment.paths.push_back(make_path(shared, path));
  }
  return experiment;
}

}  // namespace dynexec::early_exit
