// How the numbers of a matrix are stored, by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dynexec {

enum class WeightType { fp32, bf16, fp16, int8, int4 };

struct WeightFormat {
  WeightType type = WeightType::fp32;
  // Neighbouring inputs that share a scale; 0: one scale for all inputs of an output (int8), or none.
  std::int64_t group = 0;
  // Inputs are rounded, too, row by row. Of int8 and int4 weights to int8, a scale for each row and group
  // (kActivationGroup without groups), and products are made in whole numbers; of bf16 weights to bf16.
  bool rounded_inputs = false;

  std::string name() const;  // "int4-g64"
  // Of a row of `inputs` weights, its scales included.
  double bits_per_weight(std::int64_t inputs) const;
  bool quantised() const { return type == WeightType::int8 || type == WeightType::int4; }
  bool operator==(const WeightFormat&) const = default;
};

// Inputs that share a scale in integer products on weights with one scale an output.
inline constexpr std::int64_t kActivationGroup = 128;

// "fp32", "bf16", "fp16", "int8", "int8-g32", "int4-g32", "int4-g64", "int4-g128"; and with rounded inputs "bf16-a16",
// "int8-a8", "int8-g32-a8", "int4-g32-a8", "int4-g64-a8", "int4-g128-a8".
const std::vector<std::string>& weight_format_names();
// Error(usage) for other names.
WeightFormat weight_format(std::string_view name);

}  // namespace dynexec
