// dynexec train: fits or distils a model as its config says.
#include <fmt/format.h>

#include <optional>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "config/node.hpp"
#include "train/trainer.hpp"

namespace dynexec::cli {

int train_command(const TrainArgs& args) {
  const std::string path = resolve_path(args.config).string();
  const Config config = Config::load(path, args.overrides);
  const TrainOptions options = read_train_options(config.root(), args.config);
  config.reject_unread();
  if (args.dry_run) {
    print(config.resolved_yaml());
    return 0;
  }
  install_interrupt_handler();
  std::optional<Progress> bar;
  std::int64_t last = 0;
  const auto report = [&](const TrainProgress& progress) {
    if (!bar) {
      bar.emplace(ProgressOptions{.label = "train", .total = static_cast<std::uint64_t>(progress.steps), .unit = "steps",
                                  .enabled = !args.quiet, .clock = {}});
      bar->skip(static_cast<std::uint64_t>(progress.step - 1));
      last = progress.step - 1;
    }
    bar->note(fmt::format("loss {:.4f}, calibration {:.4f}, {:.0f} tokens/s", progress.loss, progress.eval_loss,
                          progress.tokens_per_second));
    bar->advance(static_cast<std::uint64_t>(progress.step - last));
    last = progress.step;
  };
  const TrainReport result = train(options, report, interrupted);
  if (bar) bar->finish();
  print(fmt::format("{}\n", result.output));
  return 0;
}

}  // namespace dynexec::cli
