// dynexec train: fits or distils a model as its config says.
#include <fmt/format.h>

#include <optional>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "config/node.hpp"
#include "train/exit_trainer.hpp"
#include "train/trainer.hpp"

namespace dynexec::cli {
namespace {

// Shows steps on a bar that starts where a resumed run does.
class StepBar {
 public:
  explicit StepBar(bool enabled) : enabled_(enabled) {}
  void show(std::int64_t step, std::int64_t steps, const std::string& note) {
    if (!bar_) {
      bar_.emplace(ProgressOptions{.label = "train",
                                   .total = static_cast<std::uint64_t>(steps),
                                   .unit = "steps",
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
  std::optional<Progress> bar_;
  std::int64_t last_ = 0;
};

int train_exit_heads(const Config& config, const TrainArgs& args) {
  const ExitTrainOptions options = read_exit_train_options(config.root(), args.config);
  config.reject_unread();
  if (args.dry_run) {
    print(config.resolved_yaml());
    return 0;
  }
  install_interrupt_handler();
  StepBar bar(!args.quiet);
  const ExitTrainReport result = train_exits(
      options,
      [&](const ExitTrainProgress& progress) {
        bar.show(progress.step, progress.steps,
                 fmt::format("loss {:.4f}, {:.0f} images/s", progress.loss, progress.images_per_second));
      },
      interrupted);
  bar.finish();
  print(fmt::format("{}\n", result.output));
  return 0;
}

}  // namespace

int train_command(const TrainArgs& args) {
  const std::string path = resolve_path(args.config).string();
  const Config config = Config::load(path, args.overrides);
  if (config.root().get_choice("kind", "language_model", {"language_model", "exits"}) == "exits")
    return train_exit_heads(config, args);
  const TrainOptions options = read_train_options(config.root(), args.config);
  config.reject_unread();
  if (args.dry_run) {
    print(config.resolved_yaml());
    return 0;
  }
  install_interrupt_handler();
  StepBar bar(!args.quiet);
  const TrainReport result = train(
      options,
      [&](const TrainProgress& progress) {
        bar.show(progress.step, progress.steps,
                 fmt::format("loss {:.4f}, calibration {:.4f}, {:.0f} tokens/s", progress.loss, progress.eval_loss,
                             progress.tokens_per_second));
      },
      interrupted);
  bar.finish();
  print(fmt::format("{}\n", result.output));
  return 0;
}

}  // namespace dynexec::cli
