#include "train/exit_trainer.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "kernels/thread_pool.hpp"
#include "train/backbone.hpp"
#include "train/checkpoint.hpp"
#include "train/exit_card.hpp"
#include "train/exit_modules.hpp"
#include "train/export.hpp"
#include "train/training_images.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

std::vector<std::size_t> choose_units(const Backbone& network, const ExitTrainOptions& options) {
  std::vector<std::size_t> units;
  const std::vector<BackboneUnit>& all = network.units();
  if (options.places != "listed") {
    // The map that the network's own head sees needs no other.
    for (std::size_t u = 0; u + 1 < all.size(); ++u)
      if (options.places == "all" || all[u].ends_block) units.push_back(u);
    return units;
  }
  for (const std::int64_t unit : options.units) {
    const auto index = static_cast<std::size_t>(unit);
    if (unit < 0 || index >= all.size() || (!units.empty() && index <= units.back()))
      throw Error(ErrorKind::config,
                  fmt::format("unit {} is not one of the network's {} in ascending order", unit, all.size()),
                  "exits.units", "`dynexec inspect` lists them");
    units.push_back(index);
  }
  return units;
}

Optimiser::Named joined(const Optimiser::Named& first, const Optimiser::Named& second) {
  Optimiser::Named all = first;
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

class Run {
 public:
  explicit Run(const ExitTrainOptions& options)
      : options_(options),
        backbone_(options.network.empty() ? frozen_backbone(options.backbone)
                                          : trainable_backbone(options.network, options.seed)),
        images_(options.data, backbone_->config()),
        modules_(*backbone_, choose_units(*backbone_, options), options),
        trained_(!backbone_->parameters().empty()),
        optimiser_(joined(backbone_->parameters(), modules_.parameters()), {}, options.optimiser, false),
        tensors_(joined(joined(backbone_->parameters(), modules_.parameters()),
                        joined(backbone_->buffers(), optimiser_.state()))) {}

  ExitTrainReport execute(const std::function<void(const ExitTrainProgress&)>& progress,
                          const std::function<bool()>& cancelled) {
    const std::filesystem::path checkpoint = std::filesystem::path(options_.work) / "checkpoint.safetensors";
    const std::string fingerprint = fingerprint_of(options_, backbone_->fingerprint());
    if (const auto found = load_checkpoint(checkpoint, tensors_, fingerprint)) state_ = *found;
    state_.fingerprint = fingerprint;
    ExitTrainReport report;
    report.resumed_from = state_.step;
    const double seconds_before = state_.seconds;
    const auto start = std::chrono::steady_clock::now();
    while (state_.step < options_.optimiser.steps) {
      if (cancelled && cancelled()) {
        save_checkpoint(checkpoint, tensors_, state_);
        throw Error(ErrorKind::interrupted, fmt::format("training stopped after step {}", state_.step),
                    checkpoint.string(), "run the same command again to continue");
      }
      const double loss = train_step();
      state_.smooth_loss = state_.smooth_loss < 0 ? loss : 0.95 * state_.smooth_loss + 0.05 * loss;
      ++state_.step;
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      state_.seconds = seconds_before + elapsed.count();
      if (progress)
        progress({state_.step, options_.optimiser.steps, state_.smooth_loss,
                  static_cast<double>((state_.step - report.resumed_from) * options_.batch) / elapsed.count()});
      const bool last = state_.step == options_.optimiser.steps;
      if (last || (options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0))
        save_checkpoint(checkpoint, tensors_, state_);
      if (!last && options_.export_every > 0 && state_.step % options_.export_every == 0) {
        evaluate(report);
        write_model(report);
      }
    }
    evaluate(report);
    write_model(report);
    report.output = options_.output;
    return report;
  }

 private:
  bool heads_learn() const {
    return !trained_ ||
           static_cast<double>(state_.step) >= options_.start * static_cast<double>(options_.optimiser.steps);
  }

  double train_step() {
    const ImageBatch batch = images_.batch(state_.step, options_.batch, options_.seed);
    const bool heads = heads_learn();
    const BackboneOutput out =
        backbone_->forward(batch.images, heads ? modules_.units() : std::vector<std::size_t>{}, trained_, trained_);
    at::Tensor loss = at::zeros({});
    double terms = 0;
    for (std::size_t head = 0; head < out.maps.size(); ++head, ++terms)
      loss = loss + at::cross_entropy_loss(modules_.forward(head, out.maps[head]), batch.labels);
    if (trained_) {
      loss = loss + options_.final_weight * at::cross_entropy_loss(out.logits, batch.labels);
      terms += options_.final_weight;
    }
    loss.backward();
    // The heads that have not joined yet keep their weights.
    for (const auto& [name, tensor] : modules_.parameters())
      if (!tensor.grad().defined()) tensor.mutable_grad() = at::zeros_like(tensor);
    const double mean = loss.item<double>() / terms;
    const double norm = optimiser_.clip_gradients();
    if (!std::isfinite(mean) || !std::isfinite(norm))
      throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", state_.step + 1),
                  options_.work, "lower the learning rate; the last checkpoint is still good");
    optimiser_.step(learning_rate_at(options_.optimiser, state_.step));
    optimiser_.clear_gradients();
    return mean;
  }

  void evaluate(ExitTrainReport& report) {
    const c10::NoGradGuard no_grad;
    report.accuracies.assign(modules_.units().size(), 0);
    report.full_accuracy = 0;
    const std::int64_t count = images_.evaluation();
    for (std::int64_t first = 0; first < count; first += options_.batch) {
      const ImageBatch batch = images_.evaluation_batch(first, std::min(options_.batch, count - first));
      const BackboneOutput out = backbone_->forward(batch.images, modules_.units(), false, true);
      const auto correct = [&](const at::Tensor& logits) {
        return (logits.argmax(1) == batch.labels).sum().item<double>() / static_cast<double>(count);
      };
      for (std::size_t head = 0; head < out.maps.size(); ++head)
        report.accuracies[head] += correct(modules_.forward(head, out.maps[head]));
      report.full_accuracy += correct(out.logits);
    }
  }

  void write_model(const ExitTrainReport& report) const {
    const std::filesystem::path folder = options_.output;
    nlohmann::json config = backbone_->config_json();
    config["exits"] = {{"kind", options_.head}, {"units", modules_.units()}};
    std::vector<TensorView> views;
    std::vector<at::Tensor> owners;
    backbone_->export_to(views, owners);
    for (const auto& [name, tensor] : modules_.parameters()) {
      const bool half = trained_ && tensor.dim() >= 2;
      owners.push_back(exported_copy(name, tensor, half));
      const at::Tensor& value = owners.back();
      views.push_back(
          {name,
           half ? DType::f16 : DType::f32,
           value.sizes().vec(),
           {static_cast<const std::byte*>(value.const_data_ptr()), static_cast<std::size_t>(value.nbytes())}});
    }
    write_safetensors(folder / "model.safetensors", views, {{"format", "pt"}});
    write_file_atomically((folder / "config.json").string(), config.dump(2) + "\n");
    std::vector<std::string> places;
    for (const std::size_t unit : modules_.units())
      places.push_back(fmt::format("{} (unit {})", backbone_->units()[unit].name, unit));
    write_file_atomically((folder / "README.md").string(),
                          exit_card(options_, {.origin = backbone_->origin(),
                                               .data = images_.describe(),
                                               .places = places,
                                               .accuracies = report.accuracies,
                                               .full_accuracy = report.full_accuracy,
                                               .steps = state_.step,
                                               .seconds = state_.seconds,
                                               .loss = state_.smooth_loss,
                                               .sha256 = sha256_file((folder / "model.safetensors").string())}));
  }

  const ExitTrainOptions& options_;
  std::unique_ptr<Backbone> backbone_;
  TrainingImages images_;
  ExitModules modules_;
  bool trained_;  // the network too
  Optimiser optimiser_;
  NamedTensors tensors_;
  CheckpointState state_;
};

}  // namespace

ExitTrainReport train_exits(const ExitTrainOptions& options,
                            const std::function<void(const ExitTrainProgress&)>& progress,
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
