#include "train/loss_log.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string>

namespace dynexec {
namespace {

constexpr std::string_view kHeader =
    "step,tokens,learning_rate,loss,exit_loss,distil_loss,eval_loss,gradient_norm,tokens_per_s";

std::string field(double value) {
  return std::isnan(value) ? "" : fmt::format("{:.6g}", value);
}

}  // namespace

LossLog::LossLog(const std::filesystem::path& path, std::int64_t steps_done) {
  std::string kept = std::string(kHeader) + "\n";
  if (steps_done > 0 && std::filesystem::exists(path)) {
    const std::string old = read_file(path.string());
    for (std::size_t begin = old.find('\n'); begin != std::string::npos && begin + 1 < old.size();) {
      const std::size_t end = old.find('\n', begin + 1);
      if (end == std::string::npos) break;
      const std::string line = old.substr(begin + 1, end - begin - 1);
      if (std::atoll(line.c_str()) <= steps_done) kept += line + "\n";
      begin = end;
    }
  }
  write_file_atomically(path.string(), kept);
  file_ = std::make_unique<AppendFile>(path.string());
}

void LossLog::append(const LossRow& row) {
  file_->append(fmt::format("{},{},{},{},{},{},{},{},{}", row.step, row.tokens, field(row.learning_rate),
                            field(row.loss), field(row.exit_loss), field(row.distil_loss), field(row.eval_loss),
                            field(row.gradient_norm), field(row.tokens_per_second)));
}

}  // namespace dynexec
