#include "kernels/panel_run.hpp"

#include "base/error.hpp"

namespace dynexec {

void check_size(const char* what, std::size_t found, std::int64_t in, std::int64_t out) {
  const bool positive = in > 0 && out > 0;
  if (positive && found / static_cast<std::size_t>(in) == static_cast<std::size_t>(out) &&
      found % static_cast<std::size_t>(in) == 0)
    return;
  throw Error(ErrorKind::internal,
              std::string(what) + " has " + std::to_string(found) + " values instead of " + std::to_string(out) +
                  " x " + std::to_string(in),
              "", "");
}

double macs_of(const PanelLayout& layout) {
  return static_cast<double>(layout.parts) * static_cast<double>(layout.in) * static_cast<double>(layout.out);
}

AlignedFloats pack_biases(const PanelLayout& layout, const std::vector<std::vector<float>>& biases) {
  if (std::all_of(biases.begin(), biases.end(), [](const auto& bias) { return bias.empty(); })) return {};
  AlignedFloats packed = AlignedFloats::clustered(layout.size(1));
  for (int part = 0; part < layout.parts; ++part) {
    const std::vector<float>& source = biases[static_cast<std::size_t>(part)];
    if (source.empty()) continue;
    check_size("bias", source.size(), 1, layout.out);
    for (std::int64_t n = 0; n < layout.out; ++n)
      packed[layout.place_of(n, part, 1).start] = source[static_cast<std::size_t>(n)];
  }
  return packed;
}

}  // namespace dynexec
