// Bag-of-Features pooling with gradients.
#pragma once

#include <ATen/core/Tensor.h>

namespace dynexec {

// Codes 1 / (1 + exp(-score)) of each pixel, divided by their sum over the pixel's codewords and averaged over 2 x 2
// regions. scores: [batch, height, width, words] -> [batch, 2, 2, words]. One pass over the scores in each direction
// and nothing kept in between: as separate operations it would be bound by memory.
at::Tensor pool_codes_2x2(const at::Tensor& scores);

}  // namespace dynexec
