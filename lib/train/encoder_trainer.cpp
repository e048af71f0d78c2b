#include "train/encoder_trainer.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "kernels/thread_pool.hpp"
#include "train/checkpoint.hpp"
#include "train/encoder_batches.hpp"
#include "train/encoder_export.hpp"
#include "train/encoder_module.hpp"
#include "train/encoder_source.hpp"
#include "train/loss_log.hpp"

namespace dynexec {
namespace {

using Clock = std::chrono::steady_clock;

class Run {
 public:
  Run(const EncoderTrainOptions& options, EncoderSource source)
      : options_(options),
        source_(std::move(source)),
        tokenizer_(Tokenizer::parse(source_.tokenizer, "tokenizer.json")),
        module_(source_.config, source_.exits, options.seed),
        optimiser_(options.training == "heads" ? module_.head_parameters() : module_.parameters(), module_.row_blocks(),
                   options.optimiser, false) {
    if (tokenizer_->vocab_size() > source_.config.vocab)
      throw Error(ErrorKind::model, "the tokenizer has more tokens than the network", options.start_from,
                  "use the tokenizer that belongs to the model");
    if (source_.start) module_.load(*source_.start);
    if (options.training == "heads") module_.freeze_encoder();
    tensors_ = module_.parameters();
    const auto moments = optimiser_.state();
    tensors_.insert(tensors_.end(), moments.begin(), moments.end());
    std::vector<EncodedText> texts;
    for (const Sample& sample : source_.texts.evaluation)
      texts.push_back(encode(std::any_cast<const LabelledText&>(sample.input), sample.group));
    evaluation_ = cut_class_batches(std::move(texts), options_.data.batch_tokens);
  }

  EncoderTrainReport execute(const std::function<void(const EncoderTrainProgress&)>& progress,
                             const std::function<bool()>& cancelled) {
    const std::filesystem::path work = options_.work, path = work / "checkpoint.safetensors";
    const std::string fingerprint = fingerprint_of(options_, source_.inputs);
    if (const auto found = load_checkpoint(path, tensors_, fingerprint)) state_ = *found;
    state_.fingerprint = fingerprint;
    EncoderTrainReport report;
    report.resumed_from = state_.step;
    const std::int64_t steps = options_.optimiser.steps, tokens_before = state_.tokens;
    const double before = state_.seconds;
    const auto start = Clock::now();
    LossLog log(work / "loss.csv", state_.step);
    const EncoderDataOptions& data = options_.data;
    const auto draw = [this](std::uint64_t index, double share) {
      return encode(source_.texts.draw(index, share), "");
    };
    ClassBatchStream stream({data.pool, data.batch_tokens, steps, data.sentences.seed}, draw, state_.stream);
    const auto save = [&] {
      state_.stream = stream.position();
      log.sync();
      save_checkpoint(path, tensors_, state_);
    };
    while (state_.step < steps) {
      if (cancelled && cancelled()) {
        save();
        throw Error(ErrorKind::interrupted, fmt::format("training stopped after step {}", state_.step), path.string(),
                    "run the same command again to continue");
      }
      std::vector<ClassBatch> batches;
      for (std::int64_t i = 0; i < data.batches_per_step; ++i) batches.push_back(stream.next(state_.step));
      LossRow row = train_step(batches);
      ++state_.step;
      state_.seconds = before + std::chrono::duration<double>(Clock::now() - start).count();
      const bool last = state_.step == steps;
      if (last || due(options_.eval_every)) evaluate();
      row.tokens = state_.tokens;
      row.tokens_per_second = static_cast<double>(state_.tokens - tokens_before) / (state_.seconds - before);
      log.append(row);
      if (progress) progress({state_.step, steps, state_.smooth_loss, accuracy(), row.tokens_per_second});
      if (last || due(options_.checkpoint_every)) save();
    }
    evaluate();
    export_encoder(module_, source_, options_,
                   {state_.step, state_.tokens, state_.seconds, state_.smooth_loss, accuracies_});
    report.output = options_.output;
    report.accuracies = accuracies_;
    return report;
  }

 private:
  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }

  EncodedText encode(const LabelledText& text, const std::string& group) const {
    EncodedText encoded{.ids = tokenizer_->encode(text.text, true), .label = text.label, .group = group};
    const auto most = static_cast<std::size_t>(module_.config().max_positions);
    if (encoded.ids.size() > most && options_.data.kind == "sentences")
      throw Error(ErrorKind::config, fmt::format("a text of {} tokens does not fit", encoded.ids.size()),
                  "model.max_positions", "raise max_positions");
    shorten(encoded.ids, most);
    return encoded;
  }

  // One update; the row's loss is the classifier's (the heads' mean when they alone are trained), its exit loss the
  // heads' mean.
  LossRow train_step(const std::vector<ClassBatch>& batches) {
    LossRow row;
    row.step = state_.step + 1;
    row.learning_rate = learning_rate_at(options_.optimiser, state_.step);
    double texts = 0;
    for (const ClassBatch& batch : batches) texts += static_cast<double>(batch.labels.size(0));
    for (const ClassBatch& batch : batches) {
      add_gradient(batch, static_cast<double>(batch.labels.size(0)) / texts, row);
      state_.tokens += batch.tokens;
    }
    if (options_.training == "heads") row.loss = row.exit_loss;
    row.gradient_norm = optimiser_.clip_gradients();
    if (!std::isfinite(row.gradient_norm) || !std::isfinite(row.loss))
      throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", row.step), options_.work,
                  "lower the learning rate; the last checkpoint is still good");
    optimiser_.step(row.learning_rate);
    optimiser_.clear_gradients();
    state_.smooth_loss = state_.smooth_loss < 0 ? row.loss : 0.98 * state_.smooth_loss + 0.02 * row.loss;
    return row;
  }

  // Adds the gradient of `share` times the batch's loss, and the losses to the row in the same measure.
  void add_gradient(const ClassBatch& batch, double share, LossRow& row) const {
    const std::vector<at::Tensor> logits = module_.forward(batch.ids, batch.mask, options_.training != "backbone");
    const std::size_t heads = logits.size() - 1;
    const double all = weight_sum();
    at::Tensor loss = at::zeros({});
    for (std::size_t i = 0; i < heads; ++i) {
      const at::Tensor one = at::cross_entropy_loss(logits[i], batch.labels);
      if (std::isnan(row.exit_loss)) row.exit_loss = 0;
      row.exit_loss += share * one.item<double>() / static_cast<double>(heads);
      loss = loss + one * (weight_of(module_.exits().layers[i]) / all);
    }
    const at::Tensor last = at::cross_entropy_loss(logits.back(), batch.labels);
    row.loss += share * last.item<double>();
    if (options_.training == "backbone") loss = last;
    if (options_.training == "joint") loss = loss + last * (weight_of(module_.config().layers - 1) / all);
    (loss * share).backward();
  }

  double weight_of(std::int64_t layer) const {
    return options_.weights == "depth" ? static_cast<double>(layer + 1) : 1;
  }
  double weight_sum() const {
    double sum = weight_of(module_.config().layers - 1);
    for (const std::int64_t layer : module_.exits().layers) sum += weight_of(layer);
    return sum;
  }

  double accuracy() const {
    const auto all = accuracies_.find("");
    if (all == accuracies_.end()) return 0;
    return options_.training == "heads" ? all->second[all->second.size() - 2] : all->second.back();
  }

  void evaluate() {
    const c10::NoGradGuard no_grad;
    std::map<std::string, double> counts;
    accuracies_.clear();
    for (const ClassBatch& batch : evaluation_) {
      const std::vector<at::Tensor> logits = module_.forward(batch.ids, batch.mask);
      for (const std::string& group : batch.groups) counts[group] += 1, counts[""] += 1;
      for (std::size_t head = 0; head < logits.size(); ++head) {
        const at::Tensor right = (logits[head].argmax(1) == batch.labels).contiguous();
        const bool* values = right.const_data_ptr<bool>();
        for (std::size_t row = 0; row < batch.groups.size(); ++row)
          for (const std::string& group : {std::string(), batch.groups[row]}) {
            auto& hits = accuracies_[group];
            hits.resize(logits.size());
            hits[head] += values[row] ? 1 : 0;
          }
      }
    }
    for (auto& [group, hits] : accuracies_)
      for (double& value : hits) value /= counts[group];
  }

  const EncoderTrainOptions& options_;
  EncoderSource source_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  EncoderModule module_;
  Optimiser optimiser_;
  NamedTensors tensors_;
  std::vector<ClassBatch> evaluation_;
  CheckpointState state_;
  std::map<std::string, std::vector<double>> accuracies_;
};

}  // namespace

EncoderTrainReport train_encoder(const EncoderTrainOptions& options,
                                 const std::function<void(const EncoderTrainProgress&)>& progress,
                                 const std::function<bool()>& cancelled) {
  if (options.threads > 0) set_compute_threads(options.threads);
  require_writable_folder(options.output);
  require_writable_folder(options.work);
  return Run(options, open_encoder_source(options)).execute(progress, cancelled);
}

}  // namespace dynexec
