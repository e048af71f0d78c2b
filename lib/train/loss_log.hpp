// loss.csv: one row a step, continued without gaps or repeats by a resumed run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>

#include "base/atomic_file.hpp"

namespace dynexec {

struct LossRow {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // an empty field
  std::int64_t step = 0, tokens = 0;
  double learning_rate = 0, loss = 0, exit_loss = kNone, distil_loss = kNone, eval_loss = kNone;
  double gradient_norm = 0, tokens_per_second = 0;
};

class LossLog {
 public:
  // Keeps the rows up to `steps_done`, drops those that a killed run wrote after its last checkpoint.
  LossLog(const std::filesystem::path& path, std::int64_t steps_done);
  void append(const LossRow& row);
  void sync() { file_->sync(); }

 private:
  std::unique_ptr<AppendFile> file_;
};

}  // namespace dynexec
