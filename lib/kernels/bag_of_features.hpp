// Logistic Bag-of-Features pooling (Passalis and Tefas 2018; the heads of Predictive Exit).
#pragma once

#include "kernels/feature_map.hpp"

namespace dynexec {

// Codes u = 1 / (1 + exp(-(slope * score + shift))) of each pixel, divided by their sum over the pixel's codewords and
// averaged over size x size regions (adaptive: regions may overlap). scores: [height, width, words]; out: [size, size,
// words]; scratch: as many values, with words rounded up to kPanelStep. Regions are shared among the threads; results
// do not depend on their number.
void pool_codes(const FeatureMap& scores, std::int64_t size, float slope, float shift, float* scratch, float* out);

}  // namespace dynexec
