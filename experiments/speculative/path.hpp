// The decode loop as a Path of the bench.
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer.hpp"
#include "experiments/modelled_energy.hpp"
#include "experiments/speculative/calibration.hpp"
#include "experiments/speculative/options.hpp"
#include "measure/contract.hpp"

namespace dynexec::speculative {

struct PathParts {
  PathOptions options;
  GenerationOptions generation;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<DecoderSession> target;
  // A fresh drafter over the shared sessions; null for the baseline.
  std::function<std::unique_ptr<Drafter>()> make_drafter;
  std::shared_ptr<SharedCalibration> calibration;
  std::shared_ptr<const HardwareModel> hardware;  // may be null
  bool same_weights = true;                       // as the baseline's
};

std::unique_ptr<Path> make_path(PathParts parts);

}  // namespace dynexec::speculative
