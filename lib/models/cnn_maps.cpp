#include "models/cnn_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/error.hpp"
#include "kernels/aligned.hpp"

namespace dynexec {
namespace {

// Takes a map of this shape that is not in use.
std::size_t claim(std::vector<MapShape>& maps, std::int64_t size, std::int64_t channels,
                  std::span<const std::size_t> in_use) {
  for (std::size_t i = 1; i < maps.size(); ++i)
    if (maps[i].size == size && maps[i].channels == channels &&
        std::find(in_use.begin(), in_use.end(), i) == in_use.end())
      return i;
  maps.push_back({.size = size, .channels = channels, .border = 1});
  return maps.size() - 1;
}

}  // namespace

double MapShape::bytes() const {
  const auto side = static_cast<double>(size + 2 * border);
  return side * side * static_cast<double>(channels) * static_cast<double>(sizeof(float) + (coded ? 1 : 0));
}

double CnnMaps::bytes() const {
  double sum = 0;
  for (const MapShape& map : maps) sum += map.bytes();
  return sum;
}

CnnMaps plan_maps(const CnnWeights& weights) {
  const CnnConfig& config = weights.config;
  CnnMaps plan;
  plan.maps.push_back({.size = config.image_size, .channels = config.in_channels, .border = config.wide_stem ? 3 : 1});
  plan.map_of_step.resize(weights.steps.size());
  plan.block_input.resize(weights.steps.size());
  plan.shortcut_of_step.resize(weights.steps.size());
  std::size_t current = 0, entry = 0;
  // Shortcuts without weights keep zero channels beside the copied ones, so nothing else may write to their maps.
  std::vector<std::size_t> reserved;
  for (std::size_t i = 0; i < weights.steps.size(); ++i) {
    const CnnStep& step = weights.steps[i];
    if (step.begins_block) entry = current;
    std::vector<std::size_t> in_use = reserved;
    in_use.insert(in_use.end(), {current, entry});
    if (step.ends_block) {
      std::size_t& shortcut = plan.shortcut_of_step[i];
      plan.block_input[i] = shortcut = entry;
      if (step.projection) {
        shortcut = claim(plan.maps, step.size, step.channels, in_use);
        in_use.push_back(shortcut);
      } else if (plan.maps[entry].size != step.size || plan.maps[entry].channels != step.channels) {
        plan.maps.push_back({.size = step.size, .channels = step.channels});
        shortcut = plan.maps.size() - 1;
        reserved.push_back(shortcut);
        in_use.push_back(shortcut);
      }
    }
    current = plan.map_of_step[i] = claim(plan.maps, step.size, step.channels, in_use);
    if (step.byte_scale > 0) plan.maps[current].coded = true;
  }
  return plan;
}

void require_room_for_maps(double bytes, const std::string& where) {
  const double room = static_cast<double>(physical_bytes()) / 2;
  if (bytes > room)
    throw Error(ErrorKind::model,
                fmt::format("the feature maps take {:.1f} GB, and half of this machine's memory is {:.1f} GB",
                            bytes * 1e-9, room * 1e-9),
                where, "use a smaller image_size or fewer channels, or a machine with more memory");
}

}  // namespace dynexec
