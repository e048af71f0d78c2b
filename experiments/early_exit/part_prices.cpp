#include "experiments/early_exit/part_prices.hpp"

#include "base/error.hpp"
#include "experiments/early_exit/part_costs.hpp"
#include "experiments/early_exit/recorded.hpp"

namespace dynexec::early_exit {

PartPrices part_prices(const FitData& data, Saving saving) {
  if (saving == Saving::time && !data.costs) throw Error(ErrorKind::internal, "times that were not measured", "", "");
  PartPrices prices;
  for (std::size_t exit = 0; exit <= data.recorded.exits(); ++exit) {
    const bool time = saving == Saving::time;
    prices.layers.push_back(time ? data.costs->layers_ms(exit) : data.recorded.layers(exit).macs);
    prices.heads.push_back(time ? data.costs->head_ms(exit) : data.recorded.head(exit).macs);
  }
  return prices;
}

}  // namespace dynexec::early_exit
