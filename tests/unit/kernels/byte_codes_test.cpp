#include "kernels/byte_codes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "branches.hpp"

using namespace dynexec;

TEST_CASE("a range becomes codes in which zero is exact") {
  const ByteCode code = byte_code(-1, 4, 255);
  CHECK(code.scale == doctest::Approx(5.0 / 255));
  CHECK(code.zero == 51);
  CHECK(byte_code(2, 4, 255).zero == 0);  // zero is in the range in any case
  CHECK(byte_code(-3, -1, 255).zero == 255);
  CHECK(byte_code(-1, 4, 127).zero == 25);
  CHECK(byte_code(0, 0, 255).scale == 1);
  CHECK(byte_code(0, 1e-42f, 255).scale == 1);
  CHECK_THROWS_AS(byte_code(0, std::numeric_limits<float>::infinity(), 255), Error);
  CHECK_THROWS_AS(byte_code(std::numeric_limits<float>::quiet_NaN(), 1, 255), Error);
  CHECK((highest_exact_byte() == 255 || highest_exact_byte() == 127));
}

TEST_CASE("every branch rounds to the nearest code, channel by channel, for any number of channels") {
  for_each_branch([] {
    for (const std::int64_t channels : {1, 3, 16, 20, 67}) {
      constexpr std::int64_t kPlaces = 37;
      const ByteCode code = byte_code(-2, 3, 255);
      std::vector<float> factors = random_values(static_cast<std::size_t>(channels), 4);
      for (float& factor : factors) factor = 0.5f + std::abs(factor);
      const std::vector<float> x = random_values(static_cast<std::size_t>(kPlaces * channels), 5, 2);
      std::vector<std::uint8_t> codes(x.size() + 1, 77);
      for (const int threads : {1, 3}) {
        const ComputeThreads pool(threads);
        to_bytes(x.data(), kPlaces, factors, code, codes.data());
      }
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double place = static_cast<double>(x[i]) * static_cast<double>(factors[i % factors.size()]) /
                                 static_cast<double>(code.scale) +
                             code.zero;
        CHECK(std::abs(std::clamp(place, 0.0, 255.0) - codes[i]) < 0.5001);
      }
      CHECK(codes.back() == 77);
    }
  });
}

TEST_CASE("what lies outside the range has its ends") {
  for_each_branch([] {
    const float none = std::numeric_limits<float>::quiet_NaN(), huge = std::numeric_limits<float>::max();
    const std::vector<float> x{0, -1, 3, -5, 9, huge, -huge, none}, factors{1};
    std::vector<std::uint8_t> codes(x.size());
    to_bytes(x.data(), static_cast<std::int64_t>(x.size()), factors, byte_code(-1, 3, 200), codes.data());
    CHECK(codes == std::vector<std::uint8_t>{50, 0, 200, 0, 200, 200, 0, 200});
  });
}
