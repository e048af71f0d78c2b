#include "experiments/speculative/acceptance.hpp"

#include <algorithm>

namespace dynexec::speculative {

bool accepts(std::span<const float> p, std::span<const float> q, std::int32_t token, double uniform) {
  const auto index = static_cast<std::size_t>(token);
  const double target = p[index];
  const double draft = q.empty() ? 1.0 : static_cast<double>(q[index]);
  // target > 0 keeps a token that the target can never produce out, even for a uniform draw of exactly 0.
  return target > 0 && uniform * draft <= target;
}

void to_residual(std::span<float> p, std::span<const float> q, std::int32_t token) {
  // q may cover fewer ids than p when the target's vocabulary is padded; what it does not cover has probability 0.
  const auto left = [&](std::size_t i) {
    const float one_hot = static_cast<std::int32_t>(i) == token ? 1.0f : 0.0f;
    const float draft = q.empty() ? one_hot : (i < q.size() ? q[i] : 0.0f);
    return static_cast<double>(std::max(0.0f, p[i] - draft));
  };
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += left(i);
  if (!(sum > 0)) return;
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = static_cast<float>(left(i) / sum);
}

}  // namespace dynexec::speculative
