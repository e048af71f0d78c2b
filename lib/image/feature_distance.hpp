// Perceptual distance of two images by the features that a network sees in them (after Zhang, Isola, Efros, Shechtman,
// Wang 2018, with equal weights in place of learnt ones).
#pragma once

#include <span>

#include "image/planes.hpp"

namespace dynexec {

// first[l] and second[l]: the feature maps of layer l, [channels, height, width]; layers may differ in shape. At each
// position the channels are scaled to unit length; the squared distance of the two unit vectors is averaged over a
// layer's positions, then over layers. 0 for equal features, 2 where they are orthogonal, at most 4. A vector of zeros
// stays zero. Throws Error(data) for no layers, layer counts or shapes that differ, and values that are not finite.
double feature_distance(std::span<const Planes> first, std::span<const Planes> second);

}  // namespace dynexec
