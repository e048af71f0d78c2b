#include "measure/hardware/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr double kPico = 1e-12;

}  // namespace

Work& Work::operator+=(const Work& other) {
  macs += other.macs, weight_bytes += other.weight_bytes;
  matrices.insert(matrices.end(), other.matrices.begin(), other.matrices.end());
  dynamic_macs += other.dynamic_macs, activation_bytes += other.activation_bytes;
  return *this;
}

HardwareModel::HardwareModel(HardwareModelOptions options) : options_(std::move(options)) {
  const HardwareProfile& profile = *options_.profile;
  format_ = profile.find_format(options_.format);
  if (!format_)
    throw Error(ErrorKind::config, fmt::format("profile '{}' has no format '{}'", profile.name, options_.format), "",
                "use one of its dtypes");
  levels_ = profile.points ? profile.points->levels.size() : 1;
  if (profile.points) {
    switch_ms_ = profile.points->switch_us.value * 1e-3;
    switch_joules_ = profile.points->switch_uj.value * 1e-6;
  }
  const double stored = options_.resident_bytes * format_->bits.value / options_.counted_bits;
  const auto fits = std::find_if(profile.memory.begin(), profile.memory.end(),
                                 [&](const MemoryLevel& level) { return stored <= level.bytes.value; });
  weight_memory_ = fits == profile.memory.end() ? &profile.memory.back() : &*fits;
  if (profile.cim)
    capacity_ =
        cim_capacity(*profile.cim, options_.resident_bytes * 8 / options_.counted_bits * cim_slices(*profile.cim));
}

double HardwareModel::mhz(std::size_t level) const {
  return options_.profile->points ? options_.profile->points->levels[level].mhz : 1;
}

WorkCost HardwareModel::digital_cost(const Work& work, std::size_t level) const {
  const HardwareProfile& profile = *options_.profile;
  const double weight_bytes = work.weight_bytes * format_->bits.value / options_.counted_bits;
  const MemoryLevel& last = profile.memory.back();
  const bool on_chip = weight_memory_ != &last;
  double core_s = work.macs / (format_->peak_ops.value / 2 * format_->utilisation.value);
  if (on_chip) core_s = std::max(core_s, weight_bytes / (weight_memory_->gb_s.value * 1e9));
  const double memory_bytes = work.activation_bytes + (on_chip ? 0 : weight_bytes);
  const double memory_s = memory_bytes / (last.gb_s.value * 1e9);

  double slower = 1, watts = profile.static_w.value, squeeze = 1;
  if (profile.points) {
    const OperatingPoint &point = profile.points->levels[level], &best = profile.points->levels.back();
    slower = best.mhz / point.mhz;
    watts += profile.points->c_eff_nf.value * 1e-9 * point.volts * point.volts * point.mhz * 1e6;
    squeeze = (point.volts / best.volts) * (point.volts / best.volts);
  }
  const double seconds = core_s * slower + memory_s;
  return {.ms = seconds * 1e3,
          .joules = watts * seconds + work.macs * format_->mac_pj.value * kPico * squeeze +
                    weight_bytes * weight_memory_->read_pj_b.value * kPico +
                    work.activation_bytes * last.read_pj_b.value * kPico};
}

WorkCost HardwareModel::analogue_cost(const Work& work) const {
  const CimFigures& cim = *options_.profile->cim;
  std::vector<MatrixShape> matrices = work.matrices;
  const double weights = work.weight_bytes * 8 / options_.counted_bits;
  if (matrices.empty() && weights > 0) {
    const double side = std::sqrt(weights);
    matrices.push_back({side, side, (work.macs - work.dynamic_macs) / weights});
  }
  WorkCost cost;
  for (const MatrixShape& matrix : matrices) {
    const CimCost read = cim_layer(cim, matrix);
    const CimWrite write = cim_write(cim, read.cells * capacity_.reload_share);
    cost += {read.ms + write.ms, read.joules + write.joules, read.adc_joules};
  }
  cost.joules += options_.profile->static_w.value * cost.ms * 1e-3;
  const Work digital{.macs = work.dynamic_macs, .activation_bytes = work.activation_bytes};
  return cost += digital_cost(digital, 0);
}

WorkCost HardwareModel::cost(const Work& work, std::size_t level) const {
  return options_.profile->cim ? analogue_cost(work) : digital_cost(work, level);
}

}  // namespace dynexec
