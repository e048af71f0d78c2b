// dynexec train: fits or distils a model as its config says.
#include <fmt/format.h>

#include <optional>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "config/node.hpp"
#include "train/encoder_trainer.hpp"
#include "train/exit_trainer.hpp"
#include "train/noise_trainer.hpp"
#include "train/scene_classifier_trainer.hpp"
#include "train/step_predictor_trainer.hpp"
#include "train/trainer.hpp"

namespace dynexec::cli {
namespace {

// Shows steps on a bar that starts where a resumed run does.
class StepBar {
 public:
  StepBar(bool enabled, std::string unit) : enabled_(enabled), unit_(std::move(unit)) {}
  void show(std::int64_t step, std::int64_t steps, const std::string& note) {
    if (!bar_) {
      bar_.emplace(ProgressOptions{.label = "train",
                                   .total = static_cast<std::uint64_t>(steps),
                                   .unit = unit_,
                                   .enabled = enabled_,
                                   .clock = {}});
      bar_->skip(static_cast<std::uint64_t>(step - 1));
      last_ = step - 1;
    }
    bar_->note(note);
    bar_->advance(static_cast<std::uint64_t>(step - last_));
    last_ = step;
  }
  void finish() {
    if (bar_) bar_->finish();
  }

 private:
  bool enabled_;
  std::string unit_;
  std::optional<Progress> bar_;
  std::int64_t last_ = 0;
};

// Nothing before the first look at the calibration split.
std::string once_known(const char* name, double loss) {
  return loss < 0 ? "" : fmt::format(", {} {:.4f}", name, loss);
}

// What every kind of training shares around `fit`, which shows its steps on the bar and returns the folder it wrote.
template <class Fit>
int run(const Config& config, const TrainArgs& args, Fit fit, const std::string& unit = "steps") {
  config.reject_unread();
  if (args.dry_run) {
    print(config.resolved_yaml());
    return 0;
  }
  install_interrupt_handler();
  StepBar bar(!args.quiet, unit);
  const std::string folder = fit(bar);
  bar.finish();
  print(folder + "\n");
  return 0;
}

}  // namespace

int train_command(const TrainArgs& args) {
  const std::string path = resolve_path(args.config).string();
  const Config config = Config::load(path, args.overrides);
  const std::string kind = config.root().get_choice(
      "kind", "language_model",
      {"language_model", "exits", "encoder", "diffusion", "scene_classifier", "step_predictor"});
  if (kind == "exits") {
    const ExitTrainOptions options = read_exit_train_options(config.root(), args.config);
    return run(config, args, [&](StepBar& bar) {
      const auto show = [&](const ExitTrainProgress& progress) {
        bar.show(progress.step, progress.steps,
                 fmt::format("loss {:.4f}, {:.0f} images/s", progress.loss, progress.images_per_second));
      };
      return train_exits(options, show, interrupted).output;
    });
  }
  if (kind == "encoder") {
    const EncoderTrainOptions options = read_encoder_train_options(config.root(), args.config);
    return run(config, args, [&](StepBar& bar) {
      const auto show = [&](const EncoderTrainProgress& progress) {
        bar.show(progress.step, progress.steps,
                 fmt::format("loss {:.4f}, accuracy {:.3f}, {:.0f} tokens/s", progress.loss, progress.accuracy,
                             progress.tokens_per_second));
      };
      return train_encoder(options, show, interrupted).output;
    });
  }
  if (kind == "diffusion") {
    const NoiseTrainOptions options = read_noise_train_options(config.root(), args.config);
    return run(config, args, [&](StepBar& bar) {
      const auto show = [&](const NoiseTrainProgress& progress) {
        bar.show(progress.step, progress.steps,
                 fmt::format("loss {:.4f}{}, {:.0f} pictures/s", progress.loss,
                             once_known("calibration", progress.eval_loss), progress.pictures_per_second));
      };
      return train_diffusion(options, show, interrupted).output;
    });
  }
  if (kind == "scene_classifier") {
    const SceneClassifierOptions options = read_scene_classifier_options(config.root(), args.config);
    return run(config, args, [&](StepBar& bar) {
      const auto show = [&](const SceneClassifierProgress& progress) {
        bar.show(progress.step, progress.steps,
                 fmt::format("loss {:.4f}, promises {:.4f}, {:.0f} pictures/s", progress.loss, progress.promises,
                             progress.pictures_per_second));
      };
      return train_scene_classifier(options, show, interrupted).output;
    });
  }
  if (kind == "step_predictor") {
    const StepPredictorOptions options = read_step_predictor_options(config.root(), args.config);
    const auto fit = [&](StepBar& bar) {
      const auto show = [&](const StepTrainProgress& progress) {
        bar.show(progress.prompts, progress.of, fmt::format("{} pictures each", progress.pictures));
      };
      return train_step_predictor(options, show, interrupted).output;
    };
    return run(config, args, fit, "prompts");
  }
  const TrainOptions options = read_train_options(config.root(), args.config);
  return run(config, args, [&](StepBar& bar) {
    const auto show = [&](const TrainProgress& progress) {
      bar.show(progress.step, progress.steps,
               fmt::format("loss {:.4f}{}, {:.0f} tokens/s", progress.loss,
                           once_known("calibration", progress.eval_loss), progress.tokens_per_second));
    };
    return train(options, show, interrupted).output;
  });
}

}  // namespace dynexec::cli
