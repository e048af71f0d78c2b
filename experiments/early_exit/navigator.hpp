// Which exits are tested and when a sample leaves: the one interface behind every path of a multi-exit network.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "experiments/early_exit/exit_signals.hpp"

namespace dynexec::early_exit {

class PartCosts;
class RecordedExits;

// What navigators learn from.
struct FitData {
  const RecordedExits& recorded;
  const PartCosts* costs = nullptr;  // where time is to be saved
};

// Where an input goes first.
struct Entry {
  std::size_t exit = 0;
  // Hindsight only: the answer is known already, so the input leaves at `exit` without its head.
  std::optional<int> label = std::nullopt;
};

// The first exit that is expected to pass.
struct Forecast {
  std::size_t exit = 0;   // the number of exits: none of them
  bool or_later = false;  // the forecast reaches no further
};

// What a tested exit leads to.
struct Decision {
  bool leave = false;
  int label = 0;         // the answer, when leaving
  std::size_t next = 0;  // else the exit to test next, behind this one; the number of exits: the end
  double score = 0;      // what the rule made of the logits
  std::optional<Forecast> forecast{};
  double macs = 0;  // of the forecast
};

// One navigator follows one input at a time.
class Navigator {
 public:
  virtual ~Navigator() = default;
  // Learns what is learnt. Called once before the first input; the data live no longer than the call.
  virtual void fit(const FitData& data) { (void)data; }
  virtual Entry enter(const Streams& streams) = 0;
  // What the head of an exit that was asked for says.
  virtual Decision decide(std::size_t exit, const ExitSignals& signals) = 0;
  // Whether an input would leave at an exit, whatever the exits before have said; empty where there is no such rule.
  // What forecasts are held against.
  virtual std::optional<bool> passes(std::size_t exit, const ExitSignals& signals) {
    (void)exit, (void)signals;
    return std::nullopt;
  }
  // The same, fitted as this one is, for another row of a batch.
  virtual std::unique_ptr<Navigator> clone() const = 0;
};

// Always to one exit.
std::unique_ptr<Navigator> always(std::size_t exit);
// To exits drawn as often as `histogram` says, one weight an exit and one for the network's end.
std::unique_ptr<Navigator> at_random(std::vector<double> histogram);
// With hindsight: to the entry of the sample, by its index in the task.
std::unique_ptr<Navigator> with_hindsight(std::vector<Entry> entries);

}  // namespace dynexec::early_exit
