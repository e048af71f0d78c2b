#include "train/scene_classifier_trainer.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <any>
#include <chrono>
#include <cmath>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "kernels/thread_pool.hpp"
#include "train/checkpoint.hpp"
#include "train/loss_log.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

using Clock = std::chrono::steady_clock;

class Run {
 public:
  explicit Run(const SceneClassifierOptions& options)
      : options_(options),
        labels_(scene_picture_labels()),
        network_(trainable_backbone(options.network, options.seed)),
        optimiser_(network_->parameters(), {}, options.optimiser, false),
        tensors_(network_->parameters()) {
    for (const Optimiser::Named& more : {network_->buffers(), optimiser_.state()})
      tensors_.insert(tensors_.end(), more.begin(), more.end());
    SceneOptions held_out = options.scenes;
    held_out.split = Split::calibration;
    held_out.samples = options.evaluation;
    for (const Sample& sample : scene_samples(held_out))
      evaluation_.push_back(std::any_cast<const CaptionedScene&>(sample.input));
  }

  SceneClassifierReport execute(const std::function<void(const SceneClassifierProgress&)>& progress,
                                const std::function<bool()>& cancelled) {
    const std::filesystem::path work = options_.work, path = work / "checkpoint.safetensors";
    const std::string fingerprint = fingerprint_of(options_);
    if (const auto found = load_checkpoint(path, tensors_, fingerprint)) state_ = *found;
    state_.fingerprint = fingerprint;
    SceneClassifierReport report;
    report.resumed_from = state_.step;
    const std::int64_t steps = options_.optimiser.steps;
    const double before = state_.seconds;
    const auto start = Clock::now();
    LossLog log(work / "loss.csv", state_.step);
    const auto save = [&] {
      log.sync();
      save_checkpoint(path, tensors_, state_);
    };
    while (state_.step < steps) {
      if (cancelled && cancelled()) {
        save();
        throw Error(ErrorKind::interrupted, fmt::format("training stopped after step {}", state_.step), path.string(),
                    "run the same command again to continue");
      }
      LossRow row = train_step();
      ++state_.step;
      state_.seconds = before + std::chrono::duration<double>(Clock::now() - start).count();
      row.tokens_per_second =
          static_cast<double>((state_.step - report.resumed_from) * options_.batch) / (state_.seconds - before);
      if (state_.step < steps && due(options_.eval_every)) {
        report.figures = scene_figures(*network_, evaluation_, options_);
        row.eval_loss = report.figures.loss;
      }
      log.append(row);
      if (progress) progress({state_.step, steps, state_.smooth_loss, report.figures.promises, row.tokens_per_second});
      if (state_.step == steps || due(options_.checkpoint_every)) save();
    }
    report.figures = scene_figures(*network_, evaluation_, options_);
    write_model(report.figures);
    report.output = options_.output;
    return report;
  }

 private:
  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }

  LossRow train_step() {
    const SceneBatch batch =
        draw_scene_batch(options_, static_cast<std::uint64_t>(state_.step * options_.batch), options_.batch);
    at::Tensor loss = scene_loss(labels_, network_->forward(batch.pictures, {}, true, true).logits, batch);
    loss.backward();
    LossRow row;
    row.step = state_.step + 1;
    state_.tokens += options_.batch;
    row.tokens = state_.tokens;
    row.learning_rate = learning_rate_at(options_.optimiser, state_.step);
    row.loss = loss.item<double>();
    row.gradient_norm = optimiser_.clip_gradients();
    if (!std::isfinite(row.loss) || !std::isfinite(row.gradient_norm))
      throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", row.step), options_.work,
                  "lower the learning rate; the last checkpoint is still good");
    optimiser_.step(row.learning_rate);
    optimiser_.clear_gradients();
    state_.smooth_loss = state_.smooth_loss < 0 ? row.loss : 0.98 * state_.smooth_loss + 0.02 * row.loss;
    return row;
  }

  nlohmann::json config() const {
    nlohmann::json config = network_->config_json();
    for (std::size_t label = 0; label < labels_.names.size(); ++label)
      config["id2label"][std::to_string(label)] = labels_.names[label];
    for (const PictureLabels::Group& group : labels_.groups)
      config["label_groups"].push_back({{"name", group.name}, {"labels", group.count}, {"exclusive", group.exclusive}});
    return config;
  }

  void write_model(const SceneFigures& figures) const {
    const std::filesystem::path folder = options_.output, weights = folder / "model.safetensors";
    std::vector<TensorView> views;
    std::vector<at::Tensor> owners;
    network_->export_to(views, owners);
    write_safetensors(weights, views, {{"format", "pt"}});
    write_file_atomically((folder / "config.json").string(), config().dump(2) + "\n");
    SceneClassifierRecord record{.steps = state_.step,
                                 .seconds = state_.seconds,
                                 .loss = state_.smooth_loss,
                                 .sha256 = sha256_file(weights.string())};
    for (const auto& [name, tensor] : network_->parameters()) record.parameters += tensor.numel();
    write_file_atomically((folder / "README.md").string(), scene_classifier_card(options_, figures, record));
  }

  const SceneClassifierOptions& options_;
  PictureLabels labels_;
  std::unique_ptr<Backbone> network_;
  Optimiser optimiser_;
  NamedTensors tensors_;
  std::vector<CaptionedScene> evaluation_;
  CheckpointState state_;
};

}  // namespace

SceneClassifierReport train_scene_classifier(const SceneClassifierOptions& options,
                                             const std::function<void(const SceneClassifierProgress&)>& progress,
                                             const std::function<bool()>& cancelled) {
  if (options.threads > 0) {
    set_compute_threads(options.threads);
    at::set_num_threads(options.threads);
  }
  require_writable_folder(options.output);
  require_writable_folder(options.work);
  return Run(options).execute(progress, cancelled);
}

}  // namespace dynexec
