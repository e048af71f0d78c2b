#include "cli/bench_bar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/interrupt.hpp"

namespace dynexec::cli {

std::string read_run_name(const Node& root) {
  const std::string name = root.get_string("name");
  const bool plain =
      !name.empty() && name.front() != '.' && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
      });
  if (!plain) root.at("name").fail("the name '" + name + "' is no plain file name", "use letters, digits, - and _");
  return name;
}

void BenchBar::update(const BenchProgress& progress) {
  throw_if_interrupted();
  if (!enabled_) return;
  if (progress.stage != BenchProgress::Stage::measure) {
    if (progress.path == stage_path_ && progress.stage == stage_) return;
    stage_ = progress.stage, stage_path_ = progress.path;
    fmt::print(stderr, "{} {}\n", stage_ == BenchProgress::Stage::prepare ? "preparing" : "warming up", stage_path_);
    return;
  }
  // min_time_s may ask for more repetitions on the way, and tuning measures several times: the bar then starts again.
  if (!bar_ || total_ != progress.total || progress.done < done_) {
    total_ = progress.total;
    bar_.emplace(ProgressOptions{
        .label = label_, .total = static_cast<std::uint64_t>(total_), .unit = "blocks", .enabled = true, .clock = {}});
    bar_->skip(static_cast<std::uint64_t>(progress.done));
    done_ = progress.done;
  }
  if (progress.done > done_) bar_->advance(static_cast<std::uint64_t>(progress.done - done_));
  done_ = progress.done;
}

}  // namespace dynexec::cli
