#include "train/noise_trainer.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "train/checkpoint.hpp"
#include "train/data_parallel.hpp"
#include "train/loss_log.hpp"
#include "train/noise_batches.hpp"
#include "train/noise_export.hpp"
#include "train/noise_module.hpp"
#include "train/optimiser.hpp"
#include "train/precision.hpp"

namespace dynexec {
namespace {

using Clock = std::chrono::steady_clock;

// Products in bf16 while it lives.
class LowProducts {
 public:
  explicit LowProducts(bool enabled) : enabled_(enabled) {
    if (!enabled_) return;
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    // One cache serves all threads, and each empties it when it ends.
    at::autocast::set_autocast_cache_enabled(false);
    at::autocast::increment_nesting();
  }
  ~LowProducts() {
    if (!enabled_) return;
    at::autocast::decrement_nesting();
    at::autocast::set_autocast_cache_enabled(true);
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
  LowProducts(const LowProducts&) = delete;
  LowProducts& operator=(const LowProducts&) = delete;

 private:
  bool enabled_;
};

nlohmann::json with_vocabulary(nlohmann::json text, const Tokenizer& tokenizer) {
  text["vocab_size"] = tokenizer.vocab_size();
  return text;
}

class Run {
 public:
  explicit Run(const NoiseTrainOptions& options)
      : options_(options),
        tokenizer_json_(scene_tokenizer()),
        tokenizer_(Tokenizer::parse(tokenizer_json_, "tokenizer.json")),
        module_(options.unet, with_vocabulary(options.text, *tokenizer_), options.seed),
        bf16_(choose_bf16(options.precision, {.width = 128, .ffn = 512}, options.batch * 16)),
        optimiser_(module_.parameters(), module_.row_blocks(), options.optimiser, bf16_),
        batches_(options, tokenizer_),
        parallel_(options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency())) {
    if (!options.start_from.empty()) module_.take_over(resolve_path(options.start_from));
    const c10::NoGradGuard no_grad;
    tensors_ = module_.parameters();
    for (const auto& moment : optimiser_.state()) tensors_.push_back(moment);
    for (const auto& [name, tensor] : module_.parameters()) {
      average_.push_back(tensor.detach().clone());
      values_.push_back(tensor.detach());
      tensors_.emplace_back(name + ".average", average_.back());
    }
  }

  NoiseTrainReport execute(const std::function<void(const NoiseTrainProgress&)>& progress,
                           const std::function<bool()>& cancelled) {
    const std::filesystem::path work = options_.work, path = work / "checkpoint.safetensors";
    const std::string fingerprint = fingerprint_of(options_);
    if (const auto found = load_checkpoint(path, tensors_, fingerprint)) state_ = *found;
    state_.fingerprint = fingerprint;
    NoiseTrainReport report;
    report.resumed_from = state_.step;
    const std::int64_t steps = options_.optimiser.steps, first = state_.step;
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
      const bool last = state_.step == steps;
      if (last || due(options_.eval_every)) row.eval_loss = evaluate();
      row.tokens_per_second = static_cast<double>((state_.step - first) * options_.batch) / (state_.seconds - before);
      log.append(row);
      if (progress) progress({state_.step, steps, state_.smooth_loss, eval_loss_, row.tokens_per_second});
      if (last || due(options_.checkpoint_every)) save();
      if (!last && due(options_.export_every)) write(false);
    }
    if (eval_loss_ < 0) evaluate();
    write(true);
    report.output = options_.output;
    report.loss = state_.smooth_loss;
    report.eval_loss = eval_loss_;
    return report;
  }

 private:
  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }

  at::Tensor loss_of(const NoiseBatch& batch, std::int64_t first, std::int64_t rows) const {
    const LowProducts low(bf16_);
    const auto part = [&](const at::Tensor& tensor) { return tensor.narrow(0, first, rows); };
    const at::Tensor found = module_.forward(part(batch.noisy), part(batch.timesteps), part(batch.ids));
    return at::mse_loss(found, part(batch.target));
  }

  LossRow train_step() {
    LossRow row;
    row.step = state_.step + 1;
    row.learning_rate = learning_rate_at(options_.optimiser, state_.step);
    const NoiseBatch batch = batches_.next(state_.step);
    row.loss = parallel_.gradient(module_.parameters(), options_.batch,
                                  [&](std::int64_t first, std::int64_t rows) { return loss_of(batch, first, rows); });
    row.gradient_norm = optimiser_.clip_gradients();
    if (!std::isfinite(row.gradient_norm) || !std::isfinite(row.loss))
      throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", row.step), options_.work,
                  "lower the learning rate; the last checkpoint is still good");
    optimiser_.step(row.learning_rate, [this](std::int64_t count, const auto& work) { parallel_.each(count, work); });
    optimiser_.clear_gradients();
    state_.tokens += options_.batch;
    row.tokens = state_.tokens;
    state_.smooth_loss = state_.smooth_loss < 0 ? row.loss : 0.98 * state_.smooth_loss + 0.02 * row.loss;
    add_to_average();
    return row;
  }

  // Early weights are forgotten sooner.
  void add_to_average() {
    const c10::NoGradGuard no_grad;
    const auto step = static_cast<double>(state_.step + 1);
    const double kept = std::min(options_.average, step / (step + 10));
    at::_foreach_lerp_(average_, values_, 1 - kept);
  }

  // Of the averaged weights.
  double evaluate() {
    const c10::NoGradGuard no_grad;
    swap_with_average();
    double sum = 0;
    for (std::int64_t first = 0; first < options_.evaluation; first += options_.batch) {
      const std::int64_t rows = std::min(options_.batch, options_.evaluation - first);
      sum += loss_of(batches_.evaluation(first, rows), 0, rows).item<double>() * static_cast<double>(rows);
    }
    swap_with_average();
    return eval_loss_ = sum / static_cast<double>(options_.evaluation);
  }

  void swap_with_average() {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const at::Tensor kept = values_[i].clone();
      values_[i].copy_(average_[i]);
      average_[i].copy_(kept);
    }
  }

  void write(bool finished) const {
    export_diffusion(module_, average_, tokenizer_json_, options_,
                     {.steps = state_.step,
                      .pictures = state_.tokens,
                      .seconds = state_.seconds,
                      .loss = state_.smooth_loss,
                      .eval_loss = eval_loss_,
                      .precision = bf16_ ? "bf16" : "fp32",
                      .finished = finished});
  }

  const NoiseTrainOptions& options_;
  nlohmann::json tokenizer_json_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  NoiseModule module_;
  bool bf16_;
  Optimiser optimiser_;
  NoiseBatches batches_;
  DataParallel parallel_;
  NamedTensors tensors_;
  std::vector<at::Tensor> values_, average_;
  CheckpointState state_;
  double eval_loss_ = -1;
};

}  // namespace

NoiseTrainReport train_diffusion(const NoiseTrainOptions& options,
                                 const std::function<void(const NoiseTrainProgress&)>& progress,
                                 const std::function<bool()>& cancelled) {
  require_writable_folder(options.output);
  require_writable_folder(options.work);
  return Run(options).execute(progress, cancelled);
}

}  // namespace dynexec
