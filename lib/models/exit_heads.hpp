// Classifiers on a network's inner maps: where an input may leave early.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv2d.hpp"
#include "kernels/linear.hpp"
#include "models/cnn.hpp"

namespace dynexec {

// "linear": global average pooling and one linear layer. "bof": logistic Bag-of-Features (Predictive Exit): a 1x1
// convolution to codewords, u = (tanh(a s + c) + 1) / 2 normalised over the codewords of a pixel, 2x2 adaptive average
// pooling, a linear layer of 64 and one of the classes (folded into one: there is nothing between them).
const std::vector<std::string>& exit_head_kinds();

class ExitHead {
 public:
  virtual ~ExitHead() = default;
  virtual double macs() const = 0;
  virtual double weight_bytes() const = 0;
  virtual double buffer_bytes() const = 0;
  // map: of the head's unit; logits [classes].
  virtual void classify(const FeatureMap& map, std::span<float> logits) = 0;
};

struct ExitPoint {
  std::size_t unit = 0;  // into Cnn::units()
  std::unique_ptr<ExitHead> head;
};

// The heads that a model folder holds, in the order of their units: config.json says {"exits": {"kind": "linear",
// "units": [1, 3, 5]}}, the tensors are called exits.<unit>.<part>. Empty when there are none. Throws Error(model).
std::vector<ExitPoint> load_exit_heads(const ModelFolder& folder, const Cnn& network);

}  // namespace dynexec
