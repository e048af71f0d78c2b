// The typed form of a diffusion experiment's config.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "diffusion/sampler.hpp"
#include "pictures/draw.hpp"
#include "pictures/picture_model.hpp"

namespace dynexec::diffusion {

// Who decides how many steps a picture gets. predicted: a network that reads the text (StepSaver, Yu and Barad 2024);
// length: the number of words; shuffled: the network's forecasts, each for another picture; oracle: hindsight.
enum class Method { fixed, converged, predicted, length, shuffled, oracle };
const char* method_name(Method method);

struct PathOptions {
  std::string name;
  Method method = Method::fixed;
  SamplerOptions sampler;
  DrawOptions draw;                         // guidance, and ways to make steps cheaper or to stop early, of any method
  std::string like;                         // fixed: as much work as this path's mean on the calibration samples
  std::string predictor;                    // predicted, length, shuffled: model folder
  std::optional<QuantisedWeights> weights;  // of the U-Net's layers; none: fp32
  bool transfer = false;                    // the same: it may have been made for another model, sampler or guidance
  std::vector<std::int64_t> steps;          // oracle: the counts that it chooses from
  double similarity = 0.9;                  // oracle: what is similar enough to the reference
  double price = 0;                         // oracle: the count of the highest quality less this a step; 0: the fewest
  bool by_attributes = false;  // oracle with a price: quality is what the picture shows, else its similarity
  Node node;

  SamplerOptions sampler_of(std::int64_t steps_wanted) const;
  std::string describe() const;
};

// What the ranges of the bytes that go into quantised layers are learnt from.
struct Quantisation {
  std::int64_t samples = 8, steps = 20;  // pictures of a sampler, and steps of each
};

struct Options {
  std::int64_t calibration = 32;
  std::uint64_t seed = 1;
  SamplerOptions reference;        // makes the pictures that others are compared with
  DrawOptions draw;                // of the model: guidance
  std::vector<PathOptions> paths;  // [0] is the fixed baseline

  bool any_quantised() const;
};

// `own`: what the model says of its noise and predictions, which the config may set otherwise; `takes_text` decides the
// guidance by default. Error(config) with place and remedy.
Options read_options(const Node& root, const SamplerOptions& own, bool takes_text);
Quantisation read_quantisation(const Node& root);
// For a folder that is quantised: its paths draw with the weights that it has. Error(config) where the config wants
// others, or says what ranges are learnt from.
void take_stored_weights(const Node& root, QuantisedWeights stored, Options& options);

}  // namespace dynexec::diffusion
