// From noise to pictures: a sampler's steps with a model's evaluations, and the ways to take fewer or cheaper ones.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "diffusion/sampler.hpp"
#include "image/planes.hpp"
#include "pictures/picture_model.hpp"

namespace dynexec {

struct DrawOptions {
  double guidance = 1;
  std::string negative;
  // Ends a picture when its clean image has moved by less than this (root mean square, in latent units) `patience`
  // evaluations in a row; 0: never.
  double stop_below = 0;
  std::int64_t patience = 2;
  // Not before this share of the evaluations: in much noise the clean image is blurred and moves little, though
  // everything is still to come.
  double stop_from = 0;
  // DeepCache: every so many evaluations one is whole, the others reuse its deep features; 1: all are whole.
  std::int64_t cache_interval = 1, cache_branch = 0;
  // Guidance is left out from the evaluation on at which all predictions of a picture agree to this cosine; 2: never.
  double guidance_agreement = 2;
  // And in the first and the last evaluations outside these shares of the way (Kynkaanniemi et al. 2024).
  double guidance_from = 0, guidance_to = 1;
};

struct DrawInput {
  std::string text;
  std::vector<float> noise;  // standard normal, [latent shape]
  Streams streams;           // for samplers that draw more noise
};

// Standard normal noise to begin with, from a stream that nothing else is drawn from: neither the sampler's noise nor
// the procedural tasks, whose prompts it would tell of.
std::vector<float> start_noise(const Streams& streams, std::int64_t elements);

struct Drawing {
  std::vector<float> pixels;  // in -1 to 1
  std::int64_t steps = 0;     // of the sampler
  PictureCost cost;
};

// The pictures of these inputs, made together; each is what it would be if made alone, up to rounding. Error(model) for
// all of them at the evaluation where a value of one is not finite. Polls for interrupts.
std::vector<Drawing> draw(const PictureModel& model, const Sampler& sampler, std::span<const DrawInput> inputs,
                          const DrawOptions& options);

Planes planes_of(const ImageShape& shape, std::span<const float> values);

// Structural similarity of two pictures of values -1 (black) to 1, of their brightness where they have colours;
// measured on levels from 0 to 1.
double similarity(const ImageShape& shape, std::span<const float> first, std::span<const float> second);

}  // namespace dynexec
