// Shows how far a computation over paths is, once it has taken longer than a glance.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "base/progress.hpp"

namespace dynexec::cli {

class PathBar {
 public:
  PathBar(std::string label, bool enabled) : label_(std::move(label)), enabled_(enabled) {}

  void update(std::size_t done, std::size_t of) {
    if (!bar_ && std::chrono::steady_clock::now() - start_ < kGlance) return;
    if (!bar_) {
      bar_.emplace(ProgressOptions{.label = label_, .total = of, .unit = "paths", .enabled = enabled_, .clock = {}});
      bar_->skip(done);
    } else {
      bar_->advance(1);
    }
    if (done == of) bar_->finish();
  }

 private:
  static constexpr std::chrono::seconds kGlance{1};

  std::string label_;
  bool enabled_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::optional<Progress> bar_;
};

}  // namespace dynexec::cli
