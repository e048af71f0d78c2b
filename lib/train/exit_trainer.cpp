#include "train/exit_trainer.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "base/sha256.hpp"
#include "data/labelled_images.hpp"
#include "kernels/thread_pool.hpp"
#include "train/checkpoint.hpp"
#include "train/exit_modules.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

std::vector<std::size_t> choose_units(const Cnn& network, const ExitTrainOptions& options) {
  std::vector<std::size_t> units;
  const std::vector<CnnUnit>& all = network.units();
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

class Run {
 public:
  Run(const ExitTrainOptions& options, const ModelFolder& folder)
      : options_(options),
        folder_(folder),
        network_(Cnn::load(folder)),
        session_(network_),
        images_(read_images(options.format, paths(options.files))),
        modules_(*network_, choose_units(*network_, options), options),
        optimiser_(modules_.parameters(), {}, options.optimiser, false) {
    const CnnConfig& config = network_->config();
    if (images_.channels != config.in_channels || images_.height != config.image_size ||
        images_.width != config.image_size)
      throw Error(ErrorKind::config,
                  fmt::format("images of {} x {} x {} for a network of {} x {} x {}", images_.channels, images_.height,
                              images_.width, config.in_channels, config.image_size, config.image_size),
                  "data.files", "use images of the network's size");
    const auto available = static_cast<std::int64_t>(images_.size()) - options.first;
    training_ = options.samples > 0 ? options.samples : available - options.evaluation;
    if (training_ < 1 || training_ + options.evaluation > available)
      throw Error(
          ErrorKind::config,
          fmt::format("{} images cannot give {} to train and {} to evaluate", available, training_, options.evaluation),
          "data.samples", "lower samples or evaluation, or name more files");
    for (const int label : images_.labels)
      if (label >= config.classes)
        throw Error(ErrorKind::data, fmt::format("label {} for a network of {} classes", label, config.classes),
                    "data.files", "use the data that the network was trained for");
    tensors_ = modules_.parameters();
    const auto moments = optimiser_.state();
    tensors_.insert(tensors_.end(), moments.begin(), moments.end());
  }

  ExitTrainReport execute(const std::function<void(const ExitTrainProgress&)>& progress,
                          const std::function<bool()>& cancelled) {
    const std::filesystem::path checkpoint = std::filesystem::path(options_.work) / "checkpoint.safetensors";
    const std::string fingerprint = fingerprint_of(options_, folder_.sha256());
    if (const auto found = load_checkpoint(checkpoint, tensors_, fingerprint)) state_ = *found;
    state_.fingerprint = fingerprint;
    ExitTrainReport report;
    report.resumed_from = state_.step;
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
      if (progress)
        progress({state_.step, options_.optimiser.steps, state_.smooth_loss,
                  static_cast<double>((state_.step - report.resumed_from) * options_.batch) / elapsed.count()});
      const bool due = options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0;
      if (due || state_.step == options_.optimiser.steps) save_checkpoint(checkpoint, tensors_, state_);
    }
    evaluate(report);
    write_model(report);
    report.output = options_.output;
    return report;
  }

 private:
  static std::vector<std::filesystem::path> paths(const std::vector<std::string>& names) {
    std::vector<std::filesystem::path> result;
    for (const std::string& name : names) result.push_back(resolve_path(name));
    return result;
  }

  // The maps of all heads' units for some images, each [batch, size, size, channels]; the network's own answers on the
  // way when `answers` is given, for which all units run.
  std::vector<at::Tensor> maps_of(const std::vector<std::size_t>& indices, const std::vector<bool>& mirrored,
                                  std::vector<int>* answers) {
    std::vector<at::Tensor> maps;
    for (const std::size_t unit : modules_.units()) {
      const CnnUnit& about = network_->units()[unit];
      maps.push_back(at::empty({static_cast<std::int64_t>(indices.size()), about.size, about.size, about.channels}));
    }
    for (std::size_t i = 0; i < indices.size(); ++i) {
      std::vector<float> pixels = images_.image(indices[i]);
      if (mirrored[i]) mirror(pixels);
      session_.start(pixels);
      for (std::size_t head = 0; head < maps.size(); ++head) {
        session_.run_to(modules_.units()[head]);
        const FeatureMap& map = session_.features();
        const std::int64_t row = map.width() * map.channels();
        float* out = maps[head].mutable_data_ptr<float>() + static_cast<std::int64_t>(i) * map.height() * row;
        for (std::int64_t y = 0; y < map.height(); ++y)
          std::memcpy(out + y * row, map.at(y, 0), static_cast<std::size_t>(row) * sizeof(float));
      }
      if (answers) {
        session_.run_to(network_->units().size() - 1);
        const std::span<const float> logits = session_.logits();
        answers->push_back(static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      }
    }
    return maps;
  }

  void mirror(std::vector<float>& pixels) const {
    for (auto row = pixels.begin(); row != pixels.end(); row += images_.width) std::reverse(row, row + images_.width);
  }

  double train_step() {
    RandomStream random(options_.seed, static_cast<std::uint64_t>(state_.step), 0,
                        static_cast<std::uint32_t>(Purpose::training));
    std::vector<std::size_t> indices;
    std::vector<bool> mirrored;
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      indices.push_back(static_cast<std::size_t>(options_.first) + random.below(static_cast<std::uint64_t>(training_)));
      mirrored.push_back(options_.flip && random.below(2) == 1);
    }
    const std::vector<at::Tensor> maps = maps_of(indices, mirrored, nullptr);
    const at::Tensor labels = labels_of(indices);
    at::Tensor loss = at::zeros({});
    for (std::size_t head = 0; head < maps.size(); ++head)
      loss = loss + at::cross_entropy_loss(modules_.forward(head, maps[head]), labels);
    loss.backward();
    const double mean = loss.item<double>() / static_cast<double>(maps.size());
    const double norm = optimiser_.clip_gradients();
    if (!std::isfinite(mean) || !std::isfinite(norm))
      throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", state_.step + 1),
                  options_.work, "lower the learning rate; the last checkpoint is still good");
    optimiser_.step(learning_rate_at(options_.optimiser, state_.step));
    optimiser_.clear_gradients();
    return mean;
  }

  at::Tensor labels_of(const std::vector<std::size_t>& indices) const {
    at::Tensor labels = at::empty({static_cast<std::int64_t>(indices.size())}, at::kLong);
    auto* values = labels.mutable_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < indices.size(); ++i) values[i] = images_.labels[indices[i]];
    return labels;
  }

  void evaluate(ExitTrainReport& report) {
    const c10::NoGradGuard no_grad;
    report.accuracies.assign(modules_.units().size(), 0);
    const auto begin = static_cast<std::size_t>(options_.first + training_);
    const auto count = static_cast<std::size_t>(options_.evaluation);
    for (std::size_t i = 0; i < count;) {
      std::vector<std::size_t> indices;
      for (; i < count && indices.size() < static_cast<std::size_t>(options_.batch); ++i) indices.push_back(begin + i);
      std::vector<int> answers;
      const auto maps = maps_of(indices, std::vector<bool>(indices.size(), false), &answers);
      const at::Tensor labels = labels_of(indices);
      for (std::size_t head = 0; head < maps.size(); ++head)
        report.accuracies[head] += (modules_.forward(head, maps[head]).argmax(1) == labels).sum().item<double>();
      for (std::size_t k = 0; k < indices.size(); ++k)
        report.full_accuracy += answers[k] == images_.labels[indices[k]] ? 1 : 0;
    }
    for (double& accuracy : report.accuracies) accuracy /= static_cast<double>(count);
    report.full_accuracy /= static_cast<double>(count);
  }

  void write_model(const ExitTrainReport& report) const {
    const std::filesystem::path folder = options_.output;
    nlohmann::json config = folder_.config();
    config["exits"] = {{"kind", options_.head}, {"units", modules_.units()}};
    std::vector<TensorView> views;
    for (const std::string& name : folder_.tensor_names())
      if (name.rfind("exits.", 0) != 0) views.push_back(*folder_.find(name));
    for (const auto& [name, tensor] : modules_.parameters())
      views.push_back(
          {name,
           DType::f32,
           tensor.sizes().vec(),
           {static_cast<const std::byte*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())}});
    write_safetensors(folder / "model.safetensors", views, {{"format", "pt"}});
    write_file_atomically((folder / "config.json").string(), config.dump(2) + "\n");
    write_file_atomically((folder / "README.md").string(),
                          card(report, sha256_file((folder / "model.safetensors").string())));
  }

  std::string card(const ExitTrainReport& report, const std::string& sha256) const {
    std::string text =
        fmt::format("---\nlicense: {}\ntags: [early-exit]\n---\n# {}\n\n", options_.license, options_.title);
    text += fmt::format(
        "{} with {} exit heads of kind {}, written by `dynexec train{}`. The backbone's weights are unchanged.\n\n",
        options_.backbone, modules_.units().size(), options_.head,
        options_.config_path.empty() ? "" : " " + options_.config_path);
    text += "| | |\n|---|---|\n";
    text += fmt::format("| images | {} of {} files ({}), from {} on{} |\n", training_, options_.files.size(),
                        options_.format, options_.first, options_.flip ? ", half of them mirrored" : "");
    text += fmt::format("| optimiser | AdamW, {} steps of {}, peak rate {}, cosine to {} of it |\n",
                        options_.optimiser.steps, options_.batch, options_.optimiser.learning_rate,
                        options_.optimiser.final_share);
    text += fmt::format("| loss, last steps | {:.4f} (mean over the heads) |\n| seed | {} |\n\n", state_.smooth_loss,
                        options_.seed);
    text += fmt::format("Accuracy on {} images that were not trained on:\n\n| exit after | accuracy |\n|---|---|\n",
                        options_.evaluation);
    for (std::size_t head = 0; head < report.accuracies.size(); ++head)
      text += fmt::format("| {} (unit {}) | {:.4f} |\n", network_->units()[modules_.units()[head]].name,
                          modules_.units()[head], report.accuracies[head]);
    text += fmt::format("| the whole network | {:.4f} |\n\nSHA-256 of model.safetensors: `{}`\n", report.full_accuracy,
                        sha256);
    return text;
  }

  const ExitTrainOptions& options_;
  const ModelFolder& folder_;
  std::shared_ptr<const Cnn> network_;
  CnnSession session_;
  LabelledImages images_;
  std::int64_t training_ = 0;
  ExitModules modules_;
  Optimiser optimiser_;
  NamedTensors tensors_;
  CheckpointState state_;
};

}  // namespace

ExitTrainReport train_exits(const ExitTrainOptions& options,
                            const std::function<void(const ExitTrainProgress&)>& progress,
                            const std::function<bool()>& cancelled) {
  if (options.threads > 0) set_compute_threads(options.threads);
  require_writable_folder(options.output);
  require_writable_folder(options.work);
  const ModelFolder folder = ModelFolder::open(resolve_path(options.backbone));
  return Run(options, folder).execute(progress, cancelled);
}

}  // namespace dynexec
