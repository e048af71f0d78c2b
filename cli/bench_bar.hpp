// What the commands that measure share: the name of a run and where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/progress.hpp"
#include "config/node.hpp"
#include "measure/bench_loop.hpp"

namespace dynexec::cli {

// The config's `name`. A run folder is named after it, so it must be a plain file name.
std::string read_run_name(const Node& root);

// Shows where a run stands on stderr. The bench calls back between runs only, never inside one.
class BenchBar {
 public:
  BenchBar(std::string label, bool enabled) : label_(std::move(label)), enabled_(enabled) {}

  // Throws Error(interrupted) after Ctrl-C.
  void update(const BenchProgress& progress);
  void finish() {
    if (bar_) bar_->finish();
  }

 private:
  std::string label_;
  bool enabled_;
  std::optional<Progress> bar_;
  std::int64_t done_ = 0, total_ = 0;
  BenchProgress::Stage stage_ = BenchProgress::Stage::measure;
  std::string stage_path_;
};

}  // namespace dynexec::cli
