// Which exits a rule is asked at, chosen once for all inputs.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "experiments/early_exit/course.hpp"
#include "experiments/early_exit/part_prices.hpp"

namespace dynexec::early_exit {

// What a placement is chosen from: of each exit, which inputs pass it, whatever the other exits do.
struct PlacementData {
  std::size_t samples = 0;
  std::vector<std::vector<char>> passes;  // [exits][samples]
  std::vector<double> layers, heads;      // [exits + 1], as in PlanData
};

// Predictive Exit's published baseline: an exit stays iff
//   (share - m) * y_next - (1 - m) * y_exit - (1 - share) * y_cur >= 0
// m: share of the inputs that do not pass there; y_next, y_cur: cost of the layers to the next exit and to this one
// from the one before; y_exit: of its head. Written as (1 - m) * (y_next - y_exit) >= (1 - share) * (y_next + y_cur) it
// says: what those that leave save before the next exit must make up for a part (1 - share) of the layers on both
// sides.
std::vector<std::size_t> optimised_placement(const PlacementData& data, double share);

// Expected cost of an input that is asked at these exits, ascending, and leaves at the first one that it passes.
double placement_cost(const PlacementData& data, std::span<const std::size_t> exits);

// The exits with the least expected cost: all subsets for up to kMostExhaustive exits, else adding, removing and moving
// one exit at a time from several beginnings until nothing helps.
inline constexpr std::size_t kMostExhaustive = 12;
std::vector<std::size_t> cheapest_placement(const PlacementData& data);
// The second of these ways.
std::vector<std::size_t> improved_placement(const PlacementData& data);

enum class Placement { every, optimised, search };
struct PlacementOptions {
  Placement kind = Placement::every;
  double share = 0.5;  // optimised
  Saving saving = Saving::macs;
};
// A list of exits that is chosen in fit(). The rule must not remember.
std::unique_ptr<Course> placed_course(const PlacementOptions& options, std::size_t exits);

}  // namespace dynexec::early_exit
