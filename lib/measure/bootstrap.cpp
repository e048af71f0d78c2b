#include "measure/bootstrap.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "measure/statistics.hpp"

namespace dynexec {
namespace {

// 128 MiB of indices; beyond, they are drawn anew for every column.
constexpr std::size_t kKeptIndices = std::size_t{1} << 25;

// Uniform in [0, bound) from 32 random bits (Lemire 2019, multiply and reject).
std::uint32_t below(RandomStream& stream, std::uint32_t bound) {
  std::uint64_t product = std::uint64_t{stream.next_u32()} * bound;
  auto low = static_cast<std::uint32_t>(product);
  if (low < bound) {
    const std::uint32_t threshold = (0U - bound) % bound;
    while (low < threshold) {
      product = std::uint64_t{stream.next_u32()} * bound;
      low = static_cast<std::uint32_t>(product);
    }
  }
  return static_cast<std::uint32_t>(product >> 32);
}

double quantile_of_sorted(const std::vector<double>& sorted, double p) {
  const double position = std::clamp(p, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto index = static_cast<std::size_t>(position);
  const double fraction = position - static_cast<double>(index);
  return fraction == 0 ? sorted[index] : sorted[index] + fraction * (sorted[index + 1] - sorted[index]);
}

}  // namespace

Bootstrap::Bootstrap(std::size_t samples, const BootstrapOptions& options) : samples_(samples), options_(options) {
  const std::size_t all = samples * static_cast<std::size_t>(options.resamples);
  if (samples < 2 || all > kKeptIndices) return;
  std::vector<std::uint32_t> kept;
  kept.reserve(all);
  for_each_resample(
      [&](std::size_t, std::span<const std::uint32_t> draw) { kept.insert(kept.end(), draw.begin(), draw.end()); });
  indices_ = std::move(kept);
}

void Bootstrap::for_each_resample(const std::function<void(std::size_t, std::span<const std::uint32_t>)>& use) const {
  const auto resamples = static_cast<std::size_t>(options_.resamples);
  if (!indices_.empty()) {
    for (std::size_t b = 0; b < resamples; ++b) use(b, std::span(indices_).subspan(b * samples_, samples_));
    return;
  }
  RandomStream stream(options_.seed, samples_, 0, static_cast<std::uint32_t>(Purpose::bootstrap));
  std::vector<std::uint32_t> draw(samples_);
  for (std::size_t b = 0; b < resamples; ++b) {
    for (auto& index : draw) index = below(stream, static_cast<std::uint32_t>(samples_));
    use(b, draw);
  }
}

Interval Bootstrap::mean(std::span<const double> values) const {
  const double n = static_cast<double>(samples_), value = mean_of(values);
  if (samples_ < 2) return {value, kMissing, kMissing};
  std::vector<double> replicates(static_cast<std::size_t>(options_.resamples)), jackknife(samples_);
  for_each_resample([&](std::size_t b, std::span<const std::uint32_t> draw) {
    double sum = 0;
    for (const std::uint32_t index : draw) sum += values[index];
    replicates[b] = sum / n;
  });
  for (std::size_t i = 0; i < samples_; ++i) jackknife[i] = (value * n - values[i]) / (n - 1);
  return interval(value, std::move(replicates), jackknife);
}

Interval Bootstrap::ratio(std::span<const double> numerator, std::span<const double> denominator) const {
  double top = 0, bottom = 0;
  for (std::size_t i = 0; i < samples_; ++i) {
    top += numerator[i];
    bottom += denominator[i];
  }
  const double value = top / bottom;
  if (samples_ < 2) return {value, kMissing, kMissing};
  std::vector<double> replicates(static_cast<std::size_t>(options_.resamples)), jackknife(samples_);
  for_each_resample([&](std::size_t b, std::span<const std::uint32_t> draw) {
    double up = 0, down = 0;
    for (const std::uint32_t index : draw) {
      up += numerator[index];
      down += denominator[index];
    }
    replicates[b] = up / down;
  });
  for (std::size_t i = 0; i < samples_; ++i) jackknife[i] = (top - numerator[i]) / (bottom - denominator[i]);
  return interval(value, std::move(replicates), jackknife);
}

Interval Bootstrap::geometric_mean(std::span<const double> values) const {
  std::vector<double> logs(values.size());
  std::transform(values.begin(), values.end(), logs.begin(), [](double value) { return std::log(value); });
  const Interval result = mean(logs);
  return {std::exp(result.value), std::exp(result.low), std::exp(result.high)};
}

// Efron and Tibshirani 1993, section 14.3. The bias correction counts ties half, as SciPy does.
Interval Bootstrap::interval(double value, std::vector<double> replicates, std::span<const double> jackknife) const {
  std::sort(replicates.begin(), replicates.end());
  const double tail = (1 - options_.confidence) / 2;
  double low_share = tail, high_share = 1 - tail;
  if (options_.method == IntervalMethod::bca) {
    const auto first = std::lower_bound(replicates.begin(), replicates.end(), value);
    const auto last = std::upper_bound(first, replicates.end(), value);
    const double share = static_cast<double>((first - replicates.begin()) + (last - replicates.begin())) /
                         (2 * static_cast<double>(replicates.size()));
    const double centre = mean_of(jackknife);
    double squares = 0, cubes = 0;
    for (const double estimate : jackknife) {
      const double distance = centre - estimate;
      squares += distance * distance;
      cubes += distance * distance * distance;
    }
    const double bias = normal_quantile(share);
    const double acceleration = squares > 0 ? cubes / (6 * squares * std::sqrt(squares)) : 0;
    const auto corrected = [&](double p) {
      const double shifted = bias + normal_quantile(p);
      return normal_cdf(bias + shifted / (1 - acceleration * shifted));
    };
    // All replicates on one side of the value: no correction can be estimated, the percentiles stand.
    if (std::isfinite(bias)) {
      low_share = corrected(tail);
      high_share = corrected(1 - tail);
    }
  }
  return {value, quantile_of_sorted(replicates, low_share), quantile_of_sorted(replicates, high_share)};
}

}  // namespace dynexec
