#include "train/trainer.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "train/batches.hpp"
#include "train/bpe_trainer.hpp"
#include "train/checkpoint.hpp"
#include "train/loss_log.hpp"
#include "train/optimiser.hpp"
#include "train/precision.hpp"

namespace dynexec {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

nlohmann::json tokenizer_of(const TextOptions& options) {
  if (!options.tokenizer_from.empty()) {
    return read_json_object(std::filesystem::path(options.tokenizer_from) / "tokenizer.json");
  }
  BpeTrainer trainer;
  ReasoningOptions problems = options.problems;
  problems.split = Split::train;
  for (std::int64_t i = 0; i < options.vocab_samples; ++i) {
    const auto problem = draw_problem(problems, static_cast<std::uint64_t>(i), Purpose::training);
    trainer.add(problem.prompt());
    trainer.add(problem.solution());
  }
  return trainer.train(options.vocab_size);
}

at::Tensor mean_cross_entropy(const at::Tensor& logits, const TextBatch& batch) {
  const auto losses = at::cross_entropy_loss(logits, batch.targets, {}, at::Reduction::None);
  return (losses * batch.weights).sum() / batch.weights.sum();
}

// Mean over the rows of KL(teacher || student), both softened by the temperature; scaled by its square so that the
// gradient's size does not depend on it (Hinton et al. 2015, section 2).
at::Tensor distillation_loss(const at::Tensor& student, const at::Tensor& teacher, const TextBatch& batch,
                             double temperature) {
  const auto log_student = at::log_softmax(student / temperature, -1);
  const auto log_teacher = at::log_softmax(teacher / temperature, -1);
  const auto rows = (log_teacher.exp() * (log_teacher - log_student)).sum(-1);
  return (rows * batch.weights).sum() / batch.weights.sum() * (temperature * temperature);
}

class Run {
 public:
  Run(const TrainOptions& options, LlamaShape shape, nlohmann::json tokenizer_json,
      std::shared_ptr<const Tokenizer> tokenizer)
      : options_(options),
        tokenizer_json_(std::move(tokenizer_json)),
        tokenizer_(std::move(tokenizer)),
        module_(shape, options.seed),
        bf16_(choose_bf16(options.precision, shape, options.text.batch_tokens)),
        optimiser_(module_.parameters(), module_.row_blocks(), options.optimiser, bf16_),
        work_(options.work) {
    if (!options.start_from.empty()) module_.copy_from(LlamaModule::from_folder(options.start_from));
    if (!options.distil.teacher.empty()) {
      teacher_.emplace(LlamaModule::from_folder(options.distil.teacher));
      if (teacher_->shape().vocab != shape.vocab) {
        throw Error(ErrorKind::config, "teacher and student have vocabularies of different size", "distil.teacher",
                    "set text.tokenizer_from to the teacher's folder");
      }
    }
    tensors_ = module_.parameters();
    const auto moments = optimiser_.state();
    tensors_.insert(tensors_.end(), moments.begin(), moments.end());
    evaluation_ = evaluation_batches(options.text, options.eval_samples, *tokenizer_);
  }

  TrainReport execute(const std::function<void(const TrainProgress&)>& progress,
                      const std::function<bool()>& cancelled) {
    const auto path = work_ / "checkpoint.safetensors";
    const std::string fingerprint = fingerprint_of(options_, tokenizer_json_.dump());
    if (const auto found = load_checkpoint(path, tensors_, fingerprint)) state_ = *found;
    state_.fingerprint = fingerprint;
    TrainReport report;
    report.resumed_from = state_.step;
    LossLog log(work_ / "loss.csv", state_.step);
    BatchStream stream(options_.text, options_.optimiser.steps, module_.shape().max_positions, tokenizer_,
                       state_.stream);
    const auto start = Clock::now();
    const double before = state_.seconds;
    const std::int64_t tokens_before = state_.tokens;
    const auto save = [&] {
      state_.stream = stream.position();
      log.sync();
      save_checkpoint(path, tensors_, state_);
    };
    while (state_.step < options_.optimiser.steps) {
      if (cancelled && cancelled()) {
        save();
        throw Error(ErrorKind::interrupted, fmt::format("training stopped after step {}", state_.step), path.string(),
                    "run the same command again to continue");
      }
      std::vector<TextBatch> batches;
      for (std::int64_t i = 0; i < options_.text.batches_per_step; ++i) batches.push_back(stream.next(state_.step));
      LossRow row = train_step(batches);
      ++state_.step;
      state_.seconds = before + seconds_since(start);
      const bool last = state_.step == options_.optimiser.steps;
      if (last || due(options_.eval_every)) evaluate(row);
      row.tokens = state_.tokens;
      row.tokens_per_second = static_cast<double>(state_.tokens - tokens_before) / (state_.seconds - before);
      log.append(row);
      if (progress) {
        progress({state_.step, options_.optimiser.steps, state_.tokens, state_.smooth_loss, figures_.eval_loss,
                  row.learning_rate, row.tokens_per_second});
      }
      if (last || due(options_.checkpoint_every)) save();
      if (!last && due(options_.export_every)) write_model(work_ / "model", false);
    }
    if (report.resumed_from == options_.optimiser.steps) {
      LossRow row;
      evaluate(row);
    }
    write_model(options_.output, true);
    report.figures = figures_;
    report.output = options_.output;
    return report;
  }

 private:
  bool due(std::int64_t every) const { return every > 0 && state_.step % every == 0; }

  // One update from several batches; the loss is the weighted mean over all their rows.
  LossRow train_step(const std::vector<TextBatch>& batches) {
    LossRow row;
    row.step = state_.step + 1;
    row.learning_rate = learning_rate_at(options_.optimiser, state_.step);
    double total = 0;
    for (const TextBatch& batch : batches) total += batch.weight();
    for (const TextBatch& batch : batches) {
      add_gradient(batch, batch.weight() / total, row);
      state_.tokens += batch.tokens;
    }
    row.gradient_norm = optimiser_.clip_gradients();
    if (!std::isfinite(row.gradient_norm) || !std::isfinite(row.loss)) {
      throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", row.step), options_.work,
                  "lower the learning rate; the last checkpoint is still good");
    }
    optimiser_.step(row.learning_rate);
    optimiser_.clear_gradients();
    state_.smooth_loss = state_.smooth_loss < 0 ? row.loss : 0.98 * state_.smooth_loss + 0.02 * row.loss;
    return row;
  }

  // Adds the gradient of `share` times the batch's loss, and the losses to the row in the same measure.
  void add_gradient(const TextBatch& batch, double share, LossRow& row) {
    const auto& distil = options_.distil;
    const auto note = [&](double& field, const at::Tensor& loss) {
      field = (std::isnan(field) ? 0 : field) + share * loss.item<double>();
    };
    const auto hidden = module_.forward(batch.ids, options_.exit_layer, bf16_);
    const auto logits = module_.logits(rows_of(hidden.last, batch), bf16_);
    at::Tensor loss = mean_cross_entropy(logits, batch);
    note(row.loss, loss);
    if (teacher_ && static_cast<double>(state_.step) >= distil.start * static_cast<double>(options_.optimiser.steps)) {
      const auto kl = distillation_loss(logits, teacher_logits(batch), batch, distil.temperature);
      note(row.distil_loss, kl);
      loss = (1 - distil.weight) * loss + distil.weight * kl;
    }
    if (options_.exit_layer > 0) {
      const auto early = mean_cross_entropy(module_.logits(rows_of(hidden.early, batch), bf16_), batch);
      note(row.exit_loss, early);
      loss = loss + options_.exit_weight * early;
    }
    (loss * share).backward();
  }

  // [batch, time, width] -> [n, width]
  static at::Tensor rows_of(const at::Tensor& hidden, const TextBatch& batch) {
    return hidden.reshape({-1, hidden.size(-1)}).index_select(0, batch.rows);
  }

  at::Tensor teacher_logits(const TextBatch& batch) const {
    const c10::NoGradGuard no_grad;
    return teacher_->logits(rows_of(teacher_->forward(batch.ids, 0, bf16_).last, batch), bf16_);
  }

  void evaluate(LossRow& row) {
    const c10::NoGradGuard no_grad;
    double sum = 0, early_sum = 0, count = 0;
    for (const TextBatch& batch : evaluation_) {
      const auto hidden = module_.forward(batch.ids, options_.exit_layer, bf16_);
      const auto size = static_cast<double>(batch.targets.size(0));
      sum += size * mean_cross_entropy(module_.logits(rows_of(hidden.last, batch), bf16_), batch).item<double>();
      if (options_.exit_layer > 0) {
        early_sum +=
            size * mean_cross_entropy(module_.logits(rows_of(hidden.early, batch), bf16_), batch).item<double>();
      }
      count += size;
    }
    row.eval_loss = figures_.eval_loss = sum / count;
    figures_.exit_eval_loss = early_sum / count;
  }

  void write_model(const std::filesystem::path& folder, bool finished) {
    figures_.steps = state_.step;
    figures_.tokens = state_.tokens;
    figures_.seconds = state_.seconds;
    figures_.loss = state_.smooth_loss;
    figures_.precision = bf16_ ? "bf16" : "fp32";
    figures_.finished = finished;
    export_model(folder, module_, tokenizer_json_, options_, figures_);
  }

  const TrainOptions& options_;
  nlohmann::json tokenizer_json_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  LlamaModule module_;
  bool bf16_;
  Optimiser optimiser_;
  std::filesystem::path work_;
  std::optional<LlamaModule> teacher_;
  NamedTensors tensors_;
  std::vector<TextBatch> evaluation_;
  CheckpointState state_;
  TrainFigures figures_;
};

}  // namespace

TrainReport train(const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
                  const std::function<bool()>& cancelled) {
  options.check();
  require_writable_folder(options.work);
  require_writable_folder(options.output);
  if (options.threads > 0) at::set_num_threads(options.threads);
  nlohmann::json tokenizer_json = tokenizer_of(options.text);
  auto tokenizer = Tokenizer::parse(tokenizer_json, "tokenizer.json");
  LlamaShape shape = options.shape;
  shape.vocab = tokenizer->vocab_size();
  Run run(options, shape, std::move(tokenizer_json), std::move(tokenizer));
  return run.execute(progress, cancelled);
}

}  // namespace dynexec
