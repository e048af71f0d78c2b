// Builds the experiment "diffusion" from its config.
#include <chrono>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "experiments/diffusion/path.hpp"
#include "experiments/knobs.hpp"
#include "experiments/splits.hpp"
#include "kernels/thread_pool.hpp"
#include "models/layer_norm_unet.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusion {

Experiment build(const Node& root) {
  Options options = read_options(root);
  const ModelFolder folder = ModelFolder::open(resolve_path(options.network));
  auto shared = std::make_shared<Shared>();
  shared->network = load_layer_norm_unet(folder);
  const std::int64_t train_steps = shared->network->train_steps();
  options.reference.noise.train_steps = train_steps;
  const Node paths = root.at("paths");
  for (PathOptions& path : options.paths) {
    path.sampler.noise.train_steps = train_steps;
    // What does not fit the schedule is said at its place, before anything runs.
    try {
      if (path.like.empty() && path.method != Method::oracle) (void)make_sampler(path.sampler);
    } catch (const Error& error) {
      path.node.fail(error.message(), error.hint());
    }
  }
  const std::shared_ptr<const Sampler> reference = make_sampler(options.reference);
  const auto draw_task = [&](std::size_t first, std::int64_t count) {
    return std::make_shared<NoiseTask>(shared->network, reference, options.seed, first,
                                       static_cast<std::size_t>(count));
  };
  // Calibration noises lie behind the measured ones.
  const auto test = draw_task(0, options.samples);
  shared->calibration = draw_task(static_cast<std::size_t>(options.samples), options.calibration);
  shared->task = test;
  shared->paths = options.paths;

  Experiment experiment;
  const Splits splits = read_splits(root, test, shared->calibration);
  experiment.task = splits.measured;
  experiment.set_threads = set_compute_threads;
  experiment.provenance.push_back({.role = "network",
                                   .path = options.network,
                                   .sha256 = folder.sha256(),
                                   .parameters = shared->network->weight_bytes() / sizeof(float)});
  experiment.probe_threads = [shared](int threads) {
    set_compute_threads(threads);
    const auto elements = static_cast<std::size_t>(shared->network->shape().elements());
    const std::vector<float> image(elements, 0.5f);
    std::vector<float> output(elements);
    const auto start = std::chrono::steady_clock::now();
    shared->network->predict(image, 0, output);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  for (const PathOptions& path : options.paths) experiment.paths.push_back(make_path(shared, path));
  return experiment;
}

}  // namespace dynexec::diffusion
