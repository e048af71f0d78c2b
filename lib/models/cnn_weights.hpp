// The steps of a convolutional network with their packed weights. Private to the models room.
#pragma once

#include <memory>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/linear.hpp"
#include "models/cnn_stored.hpp"

namespace dynexec {

struct CnnStep {
  std::unique_ptr<Convolution> convolution;  // else a max-pool
  std::int64_t pool_kernel = 0, pool_stride = 0, pool_padding = 0;
  std::int64_t channels = 0, size = 0;            // of the map it makes
  bool begins_block = false, ends_block = false;  // of a residual block; its input comes back at the end
  std::unique_ptr<Convolution> projection;        // of the shortcut, on the step that ends the block
  std::int64_t shortcut_stride = 1;               // of a shortcut without weights
  bool is_unit = true;
  float byte_scale = 0;  // of its map in bytes, which the next convolutions read; 0: they read fp32
};

struct CnnWeights {
  CnnConfig config;
  std::vector<CnnStep> steps;
  std::vector<CnnUnit> units;
  std::vector<std::size_t> unit_steps;  // the step that ends each unit
  std::vector<std::unique_ptr<Linear>> classifier;
  double parameters = 0;
};

// Builds the steps from a checkpoint, in int8 with ranges (see Cnn::load), and notes the kernels in int8 that it makes
// then. Throws Error(model) naming tensor and shapes.
void load_cnn_weights(const ModelFolder& folder, const CnnRanges& ranges, CnnWeights& weights,
                      CnnKernels* kernels = nullptr);

}  // namespace dynexec
