// The layers of a convolutional network out of its checkpoint. Private to the models room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/convolution.hpp"
#include "kernels/linear.hpp"
#include "models/cnn_stored.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

class CnnLoader {
 public:
  // Where `kernels` is given, the codes of convolutions in int8 are noted there. Error(model) for a folder whose
  // quantisation is not known.
  CnnLoader(const ModelFolder& folder, CnnKernels* kernels)
      : folder_(folder), stored_(cnn_in_int8(folder)), kernels_(kernels) {}

  bool has(const std::string& name) const { return folder_.find(name).has_value(); }

  // A convolution and the batch normalisation behind it as one convolution with a bias:
  // w' = w g / sqrt(v + eps), b' = beta + (b - mean) g / sqrt(v + eps). On bytes of a scale, or on fp32 (scale 0).
  std::unique_ptr<Convolution> conv_norm(const ConvShape& shape, const std::string& conv, const std::string& norm,
                                         float in_scale);
  std::unique_ptr<Linear> linear(const std::string& name, std::int64_t in, std::int64_t out, Activation activation);
  // A fully connected layer behind a flattened [channels, size, size] map, for maps whose channels are innermost.
  std::unique_ptr<Linear> after_map(const std::string& name, std::int64_t channels, std::int64_t size, std::int64_t out,
                                    Activation activation);

  double parameters() const { return parameters_; }

 private:
  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape);
  // Running statistics are no parameters.
  std::vector<float> statistic(const std::string& name, std::int64_t size);
  // The weight of a convolution in int8, its channels multiplied by `factors`.
  ByteKernel kernel(const ConvShape& shape, const std::string& name, const std::vector<double>& factors);
  std::vector<float> weight(const ConvShape& shape, const std::string& name, const std::vector<double>& factors);

  const ModelFolder& folder_;
  const bool stored_;  // codes are read, not made
  CnnKernels* const kernels_;
  double parameters_ = 0;
};

}  // namespace dynexec
