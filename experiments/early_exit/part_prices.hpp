// What the parts of a network cost, in the unit that is to be saved.
#pragma once

#include <vector>

#include "experiments/early_exit/navigator.hpp"

namespace dynexec::early_exit {

enum class Saving { macs, time };

struct PartPrices {
  std::vector<double> layers, heads;  // [exits + 1]
};
// Error(internal) when times are asked for and not there.
PartPrices part_prices(const FitData& data, Saving saving);

}  // namespace dynexec::early_exit
