// The tensors of a U-Net, from a checkpoint or from wherever a source takes them.
#pragma once

#include <optional>
#include <vector>

#include "models/diffusion/resnet_block.hpp"
#include "models/diffusion/transformer.hpp"
#include "models/diffusion/unet_config.hpp"

namespace dynexec::diffusers {

// Residual blocks, each followed by its transformer where there are any, then a change of resolution.
struct UNetLevel {
  std::vector<ResnetBlock> resnets;
  std::vector<Transformer> transformers;  // none, or one for each residual block
  std::optional<Conv> resample;
};

struct UNetMiddleBlock {
  std::vector<ResnetBlock> resnets;       // none, one, or two around the transformer
  std::vector<Transformer> transformers;  // none or one
};

struct UNetWeights {
  UNetConfig config;
  Dense time1, time2;
  Conv in, out;
  Norm out_norm;
  std::vector<UNetLevel> down, up;  // in the order in which they run
  UNetMiddleBlock middle;
  std::size_t shifts = 0, cross_layers = 0;  // residual blocks, transformer layers

  std::size_t skip_connections() const;                  // from the way down to the way up
  std::vector<const ResnetBlock*> resnets() const;       // by their index
  std::vector<const Transformer*> transformers() const;  // in the order in which they run
};

UNetWeights take_unet(const UNetConfig& config, TensorSource& source);

}  // namespace dynexec::diffusers
