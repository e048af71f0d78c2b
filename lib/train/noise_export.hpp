// Writing a trained diffusion model as a pipeline folder in diffusers' layout.
#pragma once

#include "train/noise_module.hpp"
#include "train/noise_options.hpp"

namespace dynexec {

struct NoiseFigures {
  std::int64_t steps = 0, pictures = 0;
  double seconds = 0, loss = -1, eval_loss = -1;
  std::string precision;
  bool finished = false;  // false: written in the middle of the run
};

// model_index.json, unet/, text_encoder/, tokenizer/, scheduler/, README.md; `values` in the order of the module's
// parameters, stored in F16. Each file is replaced atomically. Error(model) when a weight does not fit.
void export_diffusion(const NoiseModule& module, const std::vector<at::Tensor>& values, const nlohmann::json& tokenizer,
                      const NoiseTrainOptions& options, const NoiseFigures& figures);

}  // namespace dynexec
