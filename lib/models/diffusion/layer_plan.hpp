// What becomes of the layers of a checkpoint: fp32, or int8 and int4 with the ranges that their inputs had in fp32.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dynexec::diffusers {

// Of each input channel; 0 always lies within. Empty: nothing came in.
struct ActivationRange {
  std::vector<float> low, high;
};
using ActivationRanges = std::map<std::string, ActivationRange>;  // by the layer's name in the checkpoint

struct QuantisedLayers;  // stored_layers.hpp

struct LayerPlan {
  // observed: fp32, and the ranges of convolutions' inputs are noted. int4: as int8, but for the matrices, as no
  // convolution multiplies 4 bits.
  enum class Kind { fp32, observed, int8, int4 };
  Kind kind = Kind::fp32;
  std::shared_ptr<ActivationRanges> ranges;  // written by layers that are observed, read when quantised ones are loaded
  std::vector<std::string> exceptions;       // layers whose names have one of these parts are fp32 in any case
  bool stored = false;                       // quantised layers are so in the checkpoint
  std::shared_ptr<QuantisedLayers> made;     // else, unless null: notes them

  // Of this layer.
  Kind kind_of(const std::string& name) const;
};

}  // namespace dynexec::diffusers
