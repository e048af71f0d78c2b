#include "kernels/byte_codes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "kernels/branch.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

// For fewer values another thread takes longer to wake up than they take.
constexpr std::int64_t kGrain = 1 << 16;

}  // namespace

ByteCode byte_code(float low, float high, std::int32_t highest) {
  if (!std::isfinite(low) || !std::isfinite(high))
    throw Error(ErrorKind::internal, "the range of the numbers is not finite", "byte codes", "");
  const float from = std::min(low, 0.0f), to = std::max(high, 0.0f);
  ByteCode code{.highest = highest};
  const float scale = (to - from) / static_cast<float>(highest);
  if (!std::isnormal(scale)) return code;  // nothing but zeros, or as good as that
  code.scale = scale;
  code.zero = std::clamp(static_cast<std::int32_t>(std::lround(-from / scale)), std::int32_t{0}, highest);
  return code;
}

void to_bytes(const float* x, std::int64_t places, std::span<const float> factors, const ByteCode& code,
              std::uint8_t* out) {
  const auto channels = static_cast<std::int64_t>(factors.size());
  std::vector<float> inverse(factors.begin(), factors.end());
  for (float& factor : inverse) factor /= code.scale;
  compute_pool().split(places, std::max<std::int64_t>(1, kGrain / channels),
                       [&](std::int64_t begin, std::int64_t end, int) {
                         kernel_branch().round_bytes(x + begin * channels, end - begin, channels, inverse.data(),
                                                     static_cast<float>(code.zero), static_cast<float>(code.highest),
                                                     out + begin * channels);
                       });
}

std::int32_t highest_exact_byte() {
  return cpu_has_vnni() ? 255 : 127;
}

}  // namespace dynexec
