// Peak signal-to-noise ratio of two images.
#pragma once

#include "image/planes.hpp"

namespace dynexec {

// 10 log10(data_range^2 / mean squared difference over all channels and pixels), in decibels; infinity for equal
// images. data_range as for ssim. Throws Error(data) for shapes that differ and for values that are not finite.
double psnr(const Planes& first, const Planes& second, double data_range);

}  // namespace dynexec
