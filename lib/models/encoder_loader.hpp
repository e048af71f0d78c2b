// Reads an encoder's tensors by name, with the names' variants of published checkpoints. Private to the models room.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/linear.hpp"
#include "models/layer_formats.hpp"
#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

class EncoderLoader {
 public:
  explicit EncoderLoader(const ModelFolder& folder) : folder_(folder) {}

  // Exactly this shape, or Error(model).
  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape);
  AlignedFloats table(const std::string& name, std::int64_t rows, std::int64_t columns);
  // name.weight and name.bias; older checkpoints call them gamma and beta.
  AlignedFloats norm(const std::string& name, const char* part, std::int64_t size);
  // name.weight and name.bias as they are.
  std::unique_ptr<Linear> dense(const std::string& name, std::int64_t out, std::int64_t in, Activation activation);
  // A matrix of a layer: what the hooks give, else the tensor rounded to the nearest in its format.
  StoredMatrix matrix(const std::string& name, std::int64_t out, std::int64_t in, const LayerFormats& formats,
                      const LayerHooks& hooks);

  double parameters() const { return parameters_; }
  const std::set<std::string>& used() const { return used_; }
  const std::vector<std::string>& matrices() const { return matrices_; }  // names given to matrix()

 private:
  const ModelFolder& folder_;
  std::set<std::string> used_;
  std::vector<std::string> matrices_;
  double parameters_ = 0;
};

}  // namespace dynexec
