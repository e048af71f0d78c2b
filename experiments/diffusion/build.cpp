// Builds the experiment "diffusion" from its config.
#include <fmt/format.h>

#include <chrono>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "experiments/diffusion/path.hpp"
#include "experiments/diffusion/prompts.hpp"
#include "experiments/knobs.hpp"
#include "experiments/splits.hpp"
#include "kernels/thread_pool.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusion {
namespace {

// What does not fit the noise schedule or the network is said at its place, before anything runs.
void check_paths(const Options& options, const Quantisation& quantisation, const PictureModel& model) {
  for (const PathOptions& path : options.paths) try {
      if (path.draw.cache_interval > 1) {
        const std::vector<std::string> texts(model.takes_text() ? 1 : 0);
        (void)model.begin({.texts = texts, .timesteps = {0}, .cache_branch = path.draw.cache_branch});
      }

      if (path.weights && path.weights != model.stored_weights()) {
        if (!model.can_be_quantised())
          throw Error(ErrorKind::config, "draws with weights in int8 or int4, which are for diffusers pipelines", "",
                      "leave weights out, or use the folder of a pipeline");
        (void)make_sampler(path.sampler_of(quantisation.steps));
      }

      const bool own = path.method == Method::fixed || path.method == Method::converged;
      const std::int64_t others = path.steps.empty() ? 1 : path.steps.back();
      (void)make_sampler(path.sampler_of(own && path.like.empty() ? path.sampler.steps : others));
    } catch (const Error& error) {
      path.node.fail(error.message(), error.hint());
    }
}

std::shared_ptr<const SceneJudge> read_judge(const Node& root, const ImageShape& shape,
                                             std::vector<Provenance>& provenance) {
  if (!root.has("judge")) return nullptr;
  const std::string folder = root.get_string("judge");
  auto judge = std::make_shared<SceneJudge>(resolve_path(folder), shape);
  provenance.push_back({.role = "judge",
                        .path = folder,
                        .sha256 = ModelFolder::open(resolve_path(folder)).sha256(),
                        .parameters = judge->classifier().network().parameters()});
  return judge;
}

// What of a sampler belongs to the network rather than to the way through its steps.
bool same_network(const SamplerOptions& a, const SamplerOptions& b) {
  const auto parts = [](const SamplerOptions& options) {
    return std::tuple(options.prediction, options.noise.betas, options.noise.beta_start, options.noise.beta_end,
                      options.noise.train_steps, options.limits.clip, options.limits.quantile, options.limits.highest);
  };
  return parts(a) == parts(b);
}

// Steps that were counted under other settings are other steps.
void check_forecaster(const PathOptions& path, const StepPredictorConfig& made, const SamplerOptions& folder,
                      const std::string& model) {
  if (path.transfer) return;
  const auto differs = [&](const std::string& what) {
    path.node.at("predictor").fail(what, "train one for this path, or say transfer: true to try it all the same");
  };
  const std::string sampler = sampler_names()[static_cast<std::size_t>(path.sampler.kind)];
  if (made.sampler != sampler)
    differs(fmt::format("was made for the sampler {}, and the path's is {}", made.sampler, sampler));
  const std::string spacing = spacing_names()[static_cast<std::size_t>(path.sampler.spacing)];
  if (!made.spacing.empty() && made.spacing != spacing)
    differs(fmt::format("was made for {} spacing, and the path's is {}", made.spacing, spacing));
  if (made.karras != path.sampler.karras)
    differs(fmt::format("was made {} Karras noise levels, and the path is {} them", made.karras ? "with" : "without",
                        path.sampler.karras ? "with" : "without"));
  if (made.offset >= 0 && path.sampler.spacing == Spacing::leading && made.offset != path.sampler.offset)
    differs(fmt::format("was made for offset {}, and the path's is {}", made.offset, path.sampler.offset));
  if (const double eta = path.sampler.kind == SamplerKind::ddim ? path.sampler.eta : 0; made.eta != eta)
    differs(fmt::format("was made for eta {:g}, and the path's is {:g}", made.eta, eta));
  if (const std::string negative = path.draw.guidance > 1 ? path.draw.negative : ""; made.negative != negative)
    differs(fmt::format("was made for the negative text '{}', and the path's is '{}'", made.negative, negative));
  if (made.guidance != path.draw.guidance)
    differs(fmt::format("was made for guidance {:g}, and the path's is {:g}", made.guidance, path.draw.guidance));
  if (!same_network(path.sampler, folder))
    differs("was made with the betas, prediction and bounds of the model's folder, which the config changes");
  if (!made.model_sha256.empty() && made.model_sha256 != model) differs("was made for another model");
}

void load_forecasters(Shared& shared, const std::string& model_sha256, std::vector<Provenance>& provenance) {
  for (const PathOptions& path : shared.paths) {
    if (path.predictor.empty()) continue;
    auto& forecaster = shared.forecasters[path.predictor];
    if (!forecaster) {
      const auto folder = resolve_path(path.predictor);
      forecaster = std::make_shared<StepForecaster>(folder);
      provenance.push_back({.role = "step predictor",
                            .path = path.predictor,
                            .sha256 = ModelFolder::open(folder).sha256(),
                            .parameters = forecaster->predictor().parameters()});
    }
    check_forecaster(path, forecaster->predictor().config(), shared.model->sampling(), model_sha256);
    try {
      (void)make_sampler(path.sampler_of(forecaster->predictor().config().grid.back()));
    } catch (const Error& error) {
      path.node.at("predictor").fail("may ask for " + error.message(), error.hint());
    }
  }
}

// A folder that is quantised has the only format there is. Else each format is loaded when a path needs it.
void share_quantised(Shared& shared, const std::filesystem::path& folder, std::shared_ptr<const Task> calibration,
                     const Quantisation& quantisation) {
  const auto ranges = std::make_shared<LearntRanges>(
      [folder, draw = calibration_drawing(std::move(calibration), shared.paths, quantisation)] {
        return learn_picture_ranges(folder, draw);
      });
  for (const PathOptions& path : shared.paths) {
    if (!path.weights || shared.quantised.contains(*path.weights)) continue;
    const bool stored = path.weights == shared.model->stored_weights();
    shared.quantised[*path.weights] = std::make_shared<QuantisedModel>(
        [folder, weights = *path.weights, ranges, model = stored ? shared.model : nullptr] {
          return model ? model : load_quantised_picture_model(folder, weights, ranges->get());
        });
  }
}

}  // namespace

Experiment build(const Node& root) {
  const std::string network = root.at("model").get_string("network");
  auto shared = std::make_shared<Shared>();
  shared->model = load_picture_model(resolve_path(network));
  const bool takes_text = shared->model->takes_text();
  Options options = read_options(root, shared->model->sampling(), takes_text);
  const std::optional<QuantisedWeights> stored = shared->model->stored_weights();
  if (stored) take_stored_weights(root, *stored, options);
  const Quantisation quantisation = options.any_quantised() && !stored ? read_quantisation(root) : Quantisation();
  check_paths(options, quantisation, *shared->model);
  shared->paths = options.paths;

  Experiment experiment;
  experiment.provenance.push_back({.role = "network",
                                   .path = network,
                                   .sha256 = shared->model->sha256(),
                                   .parameters = shared->model->parameters()});
  PromptLists prompts = read_prompt_lists(root, options.calibration, options.seed, takes_text);
  experiment.provenance.insert(experiment.provenance.end(), prompts.provenance.begin(), prompts.provenance.end());
  PictureTaskOptions task{.seed = options.seed, .reference = make_sampler(options.reference), .draw = options.draw};
  task.judge = read_judge(root, shared->model->picture_shape(), experiment.provenance);
  const std::string origin = stored ? shared->model->origin_sha256() : experiment.provenance.front().sha256;
  load_forecasters(*shared, origin, experiment.provenance);

  // Calibration noises lie behind the measured ones.
  PictureTaskOptions behind = task;
  behind.first_noise = prompts.test.size();
  task.real_pictures = std::move(prompts.real_pictures);
  const auto test = std::make_shared<PictureTask>(shared->model, std::move(prompts.test), std::move(task));
  const auto calibration =
      std::make_shared<PictureTask>(shared->model, std::move(prompts.calibration), std::move(behind));
  const Splits splits = read_splits(root, test, calibration);
  share_quantised(*shared, resolve_path(network), splits.calibration, quantisation);
  shared->pictures = test;
  shared->measured = splits.measured;
  shared->calibration = splits.calibration;
  experiment.task = splits.measured;
  experiment.set_threads = set_compute_threads;
  experiment.probe_threads = [shared](int threads) {
    set_compute_threads(threads);
    const PathOptions& baseline = shared->paths.front();
    const auto sampler = make_sampler(baseline.sampler_of(2));
    const DrawInput input = draw_input(shared->measured->sample(0), {});
    const PictureModel& model = shared->model_of(baseline);
    const auto start = std::chrono::steady_clock::now();
    (void)draw(model, *sampler, {&input, 1}, baseline.draw);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  for (const PathOptions& path : options.paths) experiment.paths.push_back(make_path(shared, path));
  return experiment;
}

}  // namespace dynexec::diffusion
