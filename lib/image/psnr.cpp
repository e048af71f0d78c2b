#include "image/psnr.hpp"

#include <cmath>
#include <limits>

namespace dynexec {

double psnr(const Planes& first, const Planes& second, double data_range) {
  require_alike(first, second, "image");
  require_data_range(data_range);
  double squares = 0;
  for (std::size_t i = 0; i < first.values.size(); ++i) {
    const double difference = static_cast<double>(first.values[i]) - static_cast<double>(second.values[i]);
    squares += difference * difference;
  }
  if (squares == 0) return std::numeric_limits<double>::infinity();
  const double mean = squares / static_cast<double>(first.values.size());
  return 20 * std::log10(data_range) - 10 * std::log10(mean);
}

}  // namespace dynexec
