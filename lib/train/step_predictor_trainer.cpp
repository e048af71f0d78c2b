#include "train/step_predictor_trainer.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "data/tokenizer.hpp"
#include "kernels/thread_pool.hpp"
#include "models/stored_weights.hpp"
#include "train/step_labelling.hpp"
#include "train/step_prompts.hpp"

namespace dynexec {
namespace {

struct Line {
  double intercept = 0, slope = 0;
};

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / count)};
}

// Least squares.
Line fit_line(std::span<const double> x, std::span<const double> y) {
  const auto count = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / count;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / count;
  double covariance = 0, variance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    covariance += (x[i] - mean_x) * (y[i] - mean_y);
    variance += (x[i] - mean_x) * (x[i] - mean_x);
  }
  const double slope = variance > 0 ? covariance / variance : 0;
  return {mean_y - slope * mean_x, slope};
}

std::string describe(const SamplerOptions& sampler) {
  std::string text =
      fmt::format("{}, {} spacing{}", sampler_names()[static_cast<std::size_t>(sampler.kind)],
                  spacing_names()[static_cast<std::size_t>(sampler.spacing)], sampler.karras ? ", Karras levels" : "");
  if (sampler.kind == SamplerKind::euler_ancestral || (sampler.kind == SamplerKind::ddim && sampler.eta > 0))
    text += " (draws noise at every step: pictures of different counts stay different, and the labels are rough)";
  return text;
}

class Run {
 public:
  Run(const StepPredictorOptions& options, const PictureModel& model)
      : options_(options),
        model_(model),
        prompts_(open_step_prompts(options.prompts)),
        sampler_(options.sampler.over(model.sampling())) {
    open_encoder();
    exported_.prompts = prompts_.description;
    exported_.sampler = describe(sampler_);
    exported_.reference = reference()
                              ? fmt::format("the picture of {} steps, {}", reference()->steps, describe(*reference()))
                              : std::string("the last count's picture");
    StepPredictorConfig& config = exported_.config;
    config.grid = options.grid;
    config.quantile = options.quantile;
    config.by_mean = options.by_mean;
    config.label = options.rule.label;
    config.sampler = sampler_names()[static_cast<std::size_t>(sampler_.kind)];
    config.spacing = spacing_names()[static_cast<std::size_t>(sampler_.spacing)];
    config.karras = sampler_.karras;
    config.offset = sampler_.offset;
    config.eta = sampler_.kind == SamplerKind::ddim ? sampler_.eta : 0;
    config.negative = options.guidance > 1 ? options.negative : "";
    config.guidance = options.guidance;
    config.model_sha256 = model.sha256();
  }

  StepTrainReport execute(const std::function<void(const StepTrainProgress&)>& progress,
                          const std::function<bool()>& cancelled) {
    label(progress, cancelled);
    fit_controls();
    if (options_.sees_length) set_length_scale();
    StepModule module = exported_.start ? StepModule(Encoder::load(*exported_.start), exported_.config, options_.seed)
                                        : StepModule(exported_.encoder, exported_.config, options_.seed);
    fit(module);
    export_step_predictor(module, exported_, options_);
    evaluate();
    write_step_card(exported_, options_, figures_);
    return {options_.output, figures_};
  }

 private:
  void open_encoder() {
    if (options_.encoder_from.empty()) {
      exported_.encoder = options_.encoder;
      exported_.tokenizer = step_tokenizer(options_.prompts, prompts_);
    } else {
      exported_.start = ModelFolder::open(resolve_path(options_.encoder_from));
      exported_.encoder = parse_encoder_config(*exported_.start);
      require_plain_weights(*exported_.start);
      exported_.tokenizer = read_json_object(exported_.start->path() / "tokenizer.json");
    }
    tokenizer_ = Tokenizer::parse(exported_.tokenizer, "tokenizer.json");
    if (options_.encoder_from.empty()) exported_.encoder.vocab = tokenizer_->vocab_size();
    if (tokenizer_->vocab_size() > exported_.encoder.vocab)
      throw Error(ErrorKind::model, "the tokenizer has more tokens than the network", options_.encoder_from,
                  "use the tokenizer that belongs to the model");
  }

  void label(const std::function<void(const StepTrainProgress&)>& progress, const std::function<bool()>& cancelled) {
    StepLabelling labelling{.texts = prompts_.texts,
                            .sampler = sampler_,
                            .guidance = options_.guidance,
                            .negative = options_.negative,
                            .grid = options_.grid,
                            .seeds = options_.seeds,
                            .seed = options_.seed,
                            .together = options_.together};
    labelling.reference = reference();
    if (!options_.judge.empty()) {
      const auto folder = resolve_path(options_.judge);
      labelling.judge = std::make_shared<SceneJudge>(folder, model_.picture_shape());
      labelling.judge_sha256 = ModelFolder::open(folder).sha256();
    }
    StepTrainProgress shown{.of = static_cast<std::int64_t>(prompts_.texts.size()),
                            .pictures = options_.seeds * static_cast<std::int64_t>(options_.grid.size())};
    const auto show = [&](std::int64_t prompts) {
      shown.prompts = prompts;
      if (progress) progress(shown);
    };
    const auto path = std::filesystem::path(options_.work) / "labels.csv";
    for (const auto& curves : label_steps(labelling, model_, path, show, cancelled))
      labels_.push_back(label_of(options_.grid, curves, options_.rule));
  }

  std::optional<SamplerOptions> reference() const {
    if (options_.reference_steps == 0) return std::nullopt;
    SamplerOptions reference = options_.reference.over(model_.sampling());
    reference.steps = options_.reference_steps;
    return reference;
  }

  // What needs no network: a line through the words, and the mean.
  void fit_controls() {
    std::vector<double> words, steps;
    for (std::size_t i = 0; i < prompts_.training; ++i) {
      words.push_back(static_cast<double>(count_words(prompts_.texts[i])));
      steps.push_back(labels_[i].mean);
    }
    const Line line = fit_line(words, steps);
    exported_.config.intercept = line.intercept;
    exported_.config.slope = line.slope;
    exported_.config.constant = std::accumulate(steps.begin(), steps.end(), 0.0) / static_cast<double>(steps.size());
  }

  void set_length_scale() {
    std::vector<double> tokens;
    for (const auto& wordings : prompts_.wordings)
      for (const std::string& wording : wordings) tokens.push_back(static_cast<double>(encode(wording).size()));
    const Spread spread = spread_of(tokens);
    exported_.config.tokens_mean = spread.mean;
    exported_.config.tokens_deviation = spread.deviation > 0 ? spread.deviation : 1;
  }

  StepModule::Ids encode(const std::string& text) const {
    StepModule::Ids ids = tokenizer_->encode(text, true);
    shorten(ids, static_cast<std::size_t>(exported_.encoder.max_positions));
    return ids;
  }

  std::size_t place_of(std::size_t prompt) const {
    const auto found = std::find(options_.grid.begin(), options_.grid.end(), labels_[prompt].steps);
    return static_cast<std::size_t>(found - options_.grid.begin());
  }

  at::Tensor loss_of(const StepModule& module, std::span<const std::size_t> texts) const {
    if (options_.weighs_gains) {
      std::vector<const std::vector<double>*> gains;
      for (const std::size_t text : texts) gains.push_back(&labels_[prompt_of_[text]].gains);
      return gain_loss(module.logits(texts), gains, usual_gain_);
    }
    std::vector<std::size_t> places;
    for (const std::size_t text : texts) places.push_back(place_of(prompt_of_[text]));
    return step_loss(module.logits(texts), places, options_.grid, options_.quantile, options_.pinball);
  }

  double validation_loss(const StepModule& module) const {
    const c10::NoGradGuard no_grad;
    double sum = 0;
    for (std::size_t begin = 0; begin < validation_.size();) {
      const std::size_t count = std::min(validation_.size() - begin, static_cast<std::size_t>(options_.batch));
      sum += loss_of(module, std::span(validation_).subspan(begin, count)).item<double>() * static_cast<double>(count);
      begin += count;
    }
    return sum / static_cast<double>(validation_.size());
  }

  // Prompts in a random order, of which the last are for validation, in all their wordings.
  void set_texts(StepModule& module) {
    order_.resize(prompts_.training);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    RandomStream random(options_.seed, 0, 4, static_cast<std::uint32_t>(Purpose::training));
    random.shuffle(order_);
    const auto held_out = static_cast<std::size_t>(options_.validation * static_cast<double>(order_.size()));
    const std::size_t trained = order_.size() - std::clamp<std::size_t>(held_out, 1, order_.size() - 1);
    std::vector<StepModule::Ids> texts;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      first_text_.push_back(texts.size());
      for (const std::string& wording : prompts_.wordings[order_[i]]) {
        if (i >= trained) validation_.push_back(texts.size());
        prompt_of_.push_back(order_[i]);
        texts.push_back(encode(wording));
      }
    }
    first_text_.push_back(texts.size());
    order_.resize(trained);
    module.set_texts(std::move(texts));
  }

  // What is best for all texts alike.
  void set_prior(StepModule& module) {
    if (options_.weighs_gains) set_usual_gain();
    std::vector<double> exceeds(options_.grid.size() - 1, 0.5), all(exceeds.size(), 1);
    for (const std::size_t prompt : order_)
      for (std::size_t k = 0; k < exceeds.size(); ++k) {
        const double gain = options_.weighs_gains  ? labels_[prompt].gains[k] / usual_gain_
                            : k < place_of(prompt) ? 1
                                                   : -1;
        exceeds[k] += std::max(gain, 0.0);
        all[k] += std::abs(gain);
      }
    for (std::size_t k = 0; k < exceeds.size(); ++k) exceeds[k] /= all[k];
    module.set_prior(exceeds);
  }

  void set_usual_gain() {
    double sum = 0;
    for (const std::size_t prompt : order_)
      for (const double gain : labels_[prompt].gains) sum += std::abs(gain);
    const double mean = sum / static_cast<double>(order_.size() * (options_.grid.size() - 1));
    if (mean > 0) usual_gain_ = mean;
  }

  void fit(StepModule& module) {
    set_texts(module);
    set_prior(module);
    Optimiser optimiser(module.parameters(), module.row_blocks(), options_.optimiser, false);
    std::vector<at::Tensor> best;
    const auto look = [&](std::int64_t step) {
      const double loss = validation_loss(module);
      if (step == 0) figures_.prior_loss = loss;
      if (step > 0 && loss >= figures_.loss) return;
      figures_.loss = loss;
      figures_.best_step = step;
      best.clear();
      for (const auto& [name, tensor] : module.parameters()) best.push_back(tensor.detach().clone());
    };
    look(0);
    for (std::int64_t step = 0; step < options_.optimiser.steps; ++step) {
      RandomStream random(options_.seed, static_cast<std::uint64_t>(step), 5,
                          static_cast<std::uint32_t>(Purpose::training));
      std::vector<std::size_t> texts;
      for (std::int64_t i = 0; i < options_.batch; ++i) {
        const auto at = static_cast<std::size_t>(random.below(order_.size()));
        const std::size_t wordings = first_text_[at + 1] - first_text_[at];
        texts.push_back(first_text_[at] + static_cast<std::size_t>(random.below(wordings)));
      }
      loss_of(module, texts).backward();
      if (!std::isfinite(optimiser.clip_gradients()))
        throw Error(ErrorKind::internal, fmt::format("the loss is no longer finite at step {}", step), "optimiser",
                    "lower the learning rate");
      optimiser.step(learning_rate_at(options_.optimiser, step));
      optimiser.clear_gradients();
      if ((step + 1) % options_.eval_every == 0 || step + 1 == options_.optimiser.steps) look(step + 1);
    }
    const c10::NoGradGuard no_grad;
    for (std::size_t i = 0; i < best.size(); ++i) module.parameters()[i].second.copy_(best[i]);
  }

  // What was written is held against the labels, rather than what was trained.
  void evaluate() {
    StepPredictor predictor(options_.output);
    const std::span<const StepLabel> labels = std::span(labels_).subspan(prompts_.training);
    std::vector<std::int64_t> hindsight, predicted, by_length;
    for (std::size_t i = prompts_.training; i < prompts_.texts.size(); ++i) {
      const StepPrediction prediction = predictor.predict(encode(prompts_.texts[i]));
      hindsight.push_back(labels_[i].steps);
      predicted.push_back(prediction.steps);
      by_length.push_back(predictor.length_steps(count_words(prompts_.texts[i])));
      figures_.macs += prediction.cost.macs;
    }
    const std::vector<std::int64_t> constant(labels.size(), predictor.constant_steps());
    figures_.prompts = static_cast<std::int64_t>(labels.size());
    figures_.macs /= static_cast<double>(labels.size());
    figures_.labels = score_steps(options_.grid, hindsight, labels);
    figures_.predictor = score_steps(options_.grid, predicted, labels);
    figures_.length = score_steps(options_.grid, by_length, labels);
    figures_.constant = score_steps(options_.grid, constant, labels);
    figures_.same_mean_quality = quality_at(options_.grid, labels, figures_.predictor.mean);
  }

  const StepPredictorOptions& options_;
  const PictureModel& model_;
  StepPrompts prompts_;
  SamplerOptions sampler_;
  StepExport exported_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<StepLabel> labels_;        // one a prompt
  std::vector<std::size_t> order_;       // prompts that are trained on
  std::vector<std::size_t> first_text_;  // of each of these among the texts of the module, and behind the last
  std::vector<std::size_t> prompt_of_;   // of each text
  std::vector<std::size_t> validation_;  // texts
  double usual_gain_ = 1;                // mean size of the gains trained on
  StepFigures figures_;
};

}  // namespace

StepTrainReport train_step_predictor(const StepPredictorOptions& options, const PictureModel& model,
                                     const std::function<void(const StepTrainProgress&)>& progress,
                                     const std::function<bool()>& cancelled) {
  if (options.threads > 0) set_compute_threads(options.threads);
  require_writable_folder(options.output);
  require_writable_folder(options.work);
  return Run(options, model).execute(progress, cancelled);
}

StepTrainReport train_step_predictor(const StepPredictorOptions& options,
                                     const std::function<void(const StepTrainProgress&)>& progress,
                                     const std::function<bool()>& cancelled) {
  return train_step_predictor(options, *load_picture_model(resolve_path(options.pipeline)), progress, cancelled);
}

}  // namespace dynexec
