// Structural similarity of two images (Wang, Bovik, Sheikh, Simoncelli 2004).
#pragma once

#include <array>

#include "image/planes.hpp"

namespace dynexec {

inline constexpr std::int64_t kSsimWindow = 11;
inline constexpr double kSsimSigma = 1.5, kSsimK1 = 0.01, kSsimK2 = 0.03;
// Luminance of linear Rec. 709 primaries, as scikit-image's rgb2gray: weights of red, green and blue.
inline constexpr std::array<double, 3> kGrayWeights{0.2125, 0.7154, 0.0721};

// Mean of the similarity over all 11 x 11 Gaussian windows (sigma 1.5) that lie wholly inside the image, that is over
// (height - 10) x (width - 10) centres; no border is made up. Moments are those of the weighted population. Several
// channels: the mean of each channel's similarity. data_range: the largest value minus the smallest that an image can
// hold. 1 for equal images, and never more. Throws Error(data) for shapes that differ or are smaller than the window,
// and for values that are not finite.
// The same as scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False).
double ssim(const Planes& first, const Planes& second, double data_range);

// The same of the gray images. Three channels are red, green and blue, added up with kGrayWeights; one is gray already;
// other counts throw Error(data).
double ssim_gray(const Planes& first, const Planes& second, double data_range);

}  // namespace dynexec
