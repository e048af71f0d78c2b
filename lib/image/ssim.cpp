#include "image/ssim.hpp"

#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr auto kTaps = static_cast<std::size_t>(kSsimWindow);
using Taps = std::array<double, kTaps>;

Taps gaussian_taps() {
  Taps taps{};
  double sum = 0;
  for (std::size_t i = 0; i < kTaps; ++i) {
    const double distance = static_cast<double>(i) - static_cast<double>(kTaps / 2);
    taps[i] = std::exp(-0.5 * distance * distance / (kSsimSigma * kSsimSigma));
    sum += taps[i];
  }
  for (double& tap : taps) tap /= sum;
  return taps;
}

// The weighted sums that a window needs: of x, of y, of x^2 + y^2 and of x y.
enum Moment : std::size_t { kFirst, kSecond, kSquares, kProduct, kMoments };

// One plane of two images, [height, width].
struct PlanePair {
  std::span<const double> first, second;
  std::size_t height, width;
};

// Rows of moments: filtered along the row when they enter, along the column when eleven of them are there.
class Windows {
 public:
  explicit Windows(const PlanePair& planes)
      : planes_(planes),
        columns_(planes.width - kTaps + 1),
        raw_(kMoments * planes.width),
        ring_(kTaps * kMoments * columns_),
        moments_(kMoments * columns_) {}

  // Sum of the similarity over the windows of all centres.
  double sum(double c1, double c2) {
    double total = 0;
    for (std::size_t row = 0; row < planes_.height; ++row) {
      enter(row);
      if (row + 1 < kTaps) continue;
      gather(row + 1 - kTaps);
      total += similarity(c1, c2);
    }
    return total;
  }

 private:
  double* entered(std::size_t row) { return &ring_[(row % kTaps) * kMoments * columns_]; }

  void enter(std::size_t row) {
    const std::size_t width = planes_.width;
    const double* x = &planes_.first[row * width];
    const double* y = &planes_.second[row * width];
    for (std::size_t i = 0; i < width; ++i) {
      raw_[kFirst * width + i] = x[i];
      raw_[kSecond * width + i] = y[i];
      raw_[kSquares * width + i] = x[i] * x[i] + y[i] * y[i];
      raw_[kProduct * width + i] = x[i] * y[i];
    }
    for (std::size_t moment = 0; moment < kMoments; ++moment) {
      const double* in = &raw_[moment * width];
      double* out = entered(row) + moment * columns_;
      for (std::size_t i = 0; i < columns_; ++i) {
        double value = 0;
        for (std::size_t tap = 0; tap < kTaps; ++tap) value += taps_[tap] * in[i + tap];
        out[i] = value;
      }
    }
  }

  void gather(std::size_t top) {
    const double* rows[kTaps];
    for (std::size_t tap = 0; tap < kTaps; ++tap) rows[tap] = entered(top + tap);
    for (std::size_t i = 0; i < moments_.size(); ++i) {
      double value = 0;
      for (std::size_t tap = 0; tap < kTaps; ++tap) value += taps_[tap] * rows[tap][i];
      moments_[i] = value;
    }
  }

  // Written so that equal images give exactly 1: numerator and denominator round alike.
  double similarity(double c1, double c2) const {
    double total = 0;
    for (std::size_t i = 0; i < columns_; ++i) {
      const double x = moments_[kFirst * columns_ + i], y = moments_[kSecond * columns_ + i];
      const double means = x * x + y * y, product = x * y;
      const double variances = moments_[kSquares * columns_ + i] - means;
      const double covariance = moments_[kProduct * columns_ + i] - product;
      total += (2 * product + c1) * (2 * covariance + c2) / ((means + c1) * (variances + c2));
    }
    return total;
  }

  PlanePair planes_;
  std::size_t columns_;          // centres in a row
  std::vector<double> raw_;      // [moments, width]
  std::vector<double> ring_;     // [taps, moments, columns]
  std::vector<double> moments_;  // [moments, columns]
  const Taps taps_ = gaussian_taps();
};

double plane_ssim(const PlanePair& planes, double data_range) {
  const double c1 = kSsimK1 * data_range, c2 = kSsimK2 * data_range;
  const double centres = static_cast<double>((planes.height - kTaps + 1) * (planes.width - kTaps + 1));
  return Windows(planes).sum(c1 * c1, c2 * c2) / centres;
}

void require_pair(const Planes& first, const Planes& second, double data_range) {
  require_alike(first, second, "image");
  require_data_range(data_range);
  if (first.height >= kSsimWindow && first.width >= kSsimWindow) return;
  throw Error(
      ErrorKind::data,
      fmt::format("the image of {} x {} pixels is smaller than the window of the structural similarity, {} x {}",
                  first.height, first.width, kSsimWindow, kSsimWindow),
      "", "compare images of at least 11 pixels a side");
}

std::vector<double> as_doubles(std::span<const float> values) {
  return {values.begin(), values.end()};
}

std::vector<double> gray(const Planes& image) {
  if (image.channels == 1) return as_doubles(image.values);
  if (image.channels != 3) {
    throw Error(ErrorKind::data, fmt::format("an image of {} channels cannot become gray", image.channels), "",
                "give one channel, or red, green and blue");
  }
  std::vector<double> out(static_cast<std::size_t>(image.pixels()));
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::span<const float> plane = image.plane(static_cast<std::int64_t>(channel));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += kGrayWeights[channel] * static_cast<double>(plane[i]);
  }
  return out;
}

}  // namespace

double ssim(const Planes& first, const Planes& second, double data_range) {
  require_pair(first, second, data_range);
  double sum = 0;
  for (std::int64_t channel = 0; channel < first.channels; ++channel) {
    const std::vector<double> x = as_doubles(first.plane(channel)), y = as_doubles(second.plane(channel));
    sum +=
        plane_ssim({x, y, static_cast<std::size_t>(first.height), static_cast<std::size_t>(first.width)}, data_range);
  }
  return sum / static_cast<double>(first.channels);
}

double ssim_gray(const Planes& first, const Planes& second, double data_range) {
  require_pair(first, second, data_range);
  const std::vector<double> x = gray(first), y = gray(second);
  return plane_ssim({x, y, static_cast<std::size_t>(first.height), static_cast<std::size_t>(first.width)}, data_range);
}

}  // namespace dynexec
