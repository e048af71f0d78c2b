#include "kernels/linear_parts.hpp"

#include "kernels/panel_run.hpp"

namespace dynexec {

PackedScales::PackedScales(const PanelLayout& layout, const std::vector<StoredMatrix>& parts)
    : layout_(layout), format_(parts.front().format), groups_(format_.group > 0 ? parts.front().groups() : 0) {
  if (!format_.quantised()) return;
  const bool minima = format_.type == WeightType::int4;
  for (const StoredMatrix& part : parts) {
    check_size("scale", part.scales.size(), part.groups(), layout.out);
    if (minima) check_size("minimum", part.minima.size(), part.groups(), layout.out);
  }
  if (groups_ > 0) {
    scales_ = pack(parts, &StoredMatrix::scales);
    if (minima) minima_ = pack(parts, &StoredMatrix::minima);
    return;
  }
  std::vector<std::vector<float>> scales;
  for (const StoredMatrix& part : parts) scales.push_back(part.scales);
  columns_ = pack_biases(layout, scales);
}

std::int64_t PackedScales::bytes() const {
  return scales_.size() + minima_.size() + columns_.size() * static_cast<std::int64_t>(sizeof(float));
}

float PackedScales::value(float code, std::int64_t column, int part, std::int64_t k) const {
  if (columns_.size() > 0) return code * columns_[layout_.place_of(column, part, 1).start];
  if (groups_ == 0) return code;
  const auto place = layout_.place_of(column, part, groups_);
  const std::int64_t at = place.start + k / format_.group * place.step;
  const float scaled = code * from_fp16(scales_.as<std::uint16_t>()[at]);
  return minima_.size() > 0 ? scaled + from_fp16(minima_.as<std::uint16_t>()[at]) : scaled;
}

AlignedBytes PackedScales::pack(const std::vector<StoredMatrix>& parts,
                                std::vector<float> StoredMatrix::*values) const {
  auto packed = AlignedBytes::clustered(layout_.size(groups_) * static_cast<std::int64_t>(sizeof(std::uint16_t)));
  for (int p = 0; p < layout_.parts; ++p)
    for (std::int64_t n = 0; n < layout_.out; ++n) {
      const auto place = layout_.place_of(n, p, groups_);
      const std::vector<float>& source = parts[static_cast<std::size_t>(p)].*values;
      for (std::int64_t g = 0; g < groups_; ++g)
        packed.as<std::uint16_t>()[place.start + g * place.step] =
            to_fp16(source[static_cast<std::size_t>(n * groups_ + g)]);
    }
  return packed;
}

}  // namespace dynexec
