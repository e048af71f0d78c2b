// Fitting the scales and minima of quantised matrices to what the whole network said before it was quantised. The codes
// stay, so that neither format nor speed changes: end-to-end training of quantisation parameters (EfficientQAT: Chen et
// al. 2024, arXiv 2407.11062, section 3.3), here by distillation from the network itself instead of next-token loss.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/stored_matrix.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

struct DistilOptions {
  std::int64_t steps = 0;  // of the optimiser; 0: scales stay as rounding has them
  std::int64_t batch = 8;  // texts a step
  double rate = 0.002;     // AdamW's learning rate for scales, as shares of what they were; falls to 0 as a cosine
  std::uint64_t seed = 1;  // of the order of texts
};

// Divergence of the quantised network's predictions from the whole one's, in nats a token, on the eighth of the texts
// that is not trained on.
struct DistilReport {
  std::int64_t texts = 0;  // held out
  double before = 0, after = 0;
  bool kept = false;  // else the scales are as they were: training made the divergence larger
};

// Error(config) for a network that is no language model or fewer than two texts.
void require_distillable(const ModelFolder& folder, const std::vector<std::vector<std::int32_t>>& texts);

// Changes the scales and minima of `matrices`, by the names of their tensors in the folder, which holds the whole
// network; takes memory for four times its weights in fp32. progress(steps done, steps). Errors of
// require_distillable(), Error(data) for texts that the network does not take.
DistilReport distil_scales(const ModelFolder& folder, const std::vector<std::vector<std::int32_t>>& texts,
                           const DistilOptions& options, std::map<std::string, StoredMatrix>& matrices,
                           const std::function<void(std::int64_t, std::int64_t)>& progress = {});

}  // namespace dynexec
