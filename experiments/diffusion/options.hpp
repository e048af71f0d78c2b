// The typed form of a diffusion experiment's config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "diffusion/sampler.hpp"

namespace dynexec::diffusion {

enum class Method { fixed, converged, oracle };
const char* method_name(Method method);

struct PathOptions {
  std::string name;
  Method method = Method::fixed;
  SamplerOptions sampler;
  std::string like;                 // fixed: as many evaluations as this path's mean on the calibration images
  double threshold = 0;             // converged: root mean square change of the clean image, in its units
  std::int64_t patience = 2;        // converged: evaluations in a row below the threshold
  std::vector<std::int64_t> steps;  // oracle: the counts that it chooses from
  double similarity = 0.9;          // oracle: what is similar enough to the reference
  Node node;

  std::string describe() const;
};

struct Options {
  std::string network;  // model folder
  std::int64_t samples = 64, calibration = 32;
  std::uint64_t seed = 1;
  SamplerOptions reference;        // makes the images that others are compared with
  std::vector<PathOptions> paths;  // [0] is the fixed baseline
};

// Error(config) with place and remedy. The noise schedule is the network's and is set by the builder.
Options read_options(const Node& root);

}  // namespace dynexec::diffusion
