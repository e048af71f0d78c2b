#include "kernels/weight_format.hpp"

#include <algorithm>
#include <array>

#include "base/known_name.hpp"

namespace dynexec {
namespace {

constexpr double kHalfBits = 16;

struct Known {
  const char* name;
  WeightFormat format;
};
constexpr std::array kKnown{Known{"fp32", {}},
                            Known{"bf16", {WeightType::bf16, 0}},
                            Known{"fp16", {WeightType::fp16, 0}},
                            Known{"int8", {WeightType::int8, 0}},
                            Known{"int8-g32", {WeightType::int8, 32}},
                            Known{"int4-g32", {WeightType::int4, 32}},
                            Known{"int4-g64", {WeightType::int4, 64}},
                            Known{"int4-g128", {WeightType::int4, 128}},
                            Known{"bf16-a16", {WeightType::bf16, 0, true}},
                            Known{"int8-a8", {WeightType::int8, 0, true}},
                            Known{"int8-g32-a8", {WeightType::int8, 32, true}},
                            Known{"int4-g32-a8", {WeightType::int4, 32, true}},
                            Known{"int4-g64-a8", {WeightType::int4, 64, true}},
                            Known{"int4-g128-a8", {WeightType::int4, 128, true}}};

}  // namespace

std::string WeightFormat::name() const {
  const auto found = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.format == *this; });
  return found == kKnown.end() ? "" : found->name;
}

double WeightFormat::bits_per_weight(std::int64_t inputs) const {
  const auto count = static_cast<double>(inputs);
  const double groups = group > 0 ? static_cast<double>((inputs + group - 1) / group) : 1;
  switch (type) {
    case WeightType::fp32:
      return 32;
    case WeightType::bf16:
    case WeightType::fp16:
      return kHalfBits;
    case WeightType::int8:
      return 8 + (group > 0 ? kHalfBits * groups : 32) / count;
    case WeightType::int4:
      return 4 + 2 * kHalfBits * groups / count;
  }
  return 0;
}

const std::vector<std::string>& weight_format_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Known& known : kKnown) all.emplace_back(known.name);
    return all;
  }();
  return names;
}

WeightFormat weight_format(std::string_view name) {
  const std::string wanted(name);
  require_known_name(wanted, weight_format_names(), "no weight format '" + wanted + "'", "weights");
  return std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name; })->format;
}

}  // namespace dynexec
