// The one loop that takes inputs through a multi-exit network, whoever decides where they are tested and leave.
#pragma once

#include <any>
#include <span>
#include <vector>

#include "experiments/early_exit/multi_exit.hpp"
#include "experiments/early_exit/navigator.hpp"
#include "experiments/early_exit/part_costs.hpp"
#include "measure/work.hpp"

namespace dynexec::early_exit {

class Pacer;

// A head that ran, and what came of it.
struct Test {
  std::size_t exit = 0;
  int label = 0;      // of the head alone
  double top = 0;     // its largest probability
  Decision decision;  // at the network's end: leave
};

// An input's way through the network.
struct Walk {
  std::size_t exit = 0;  // exits(): the network's end
  int label = 0;
  std::vector<Test> tests;
  std::vector<WorkSegment> work;
  Cost cost;
  double compaction_ms = 0;  // a share of the batch's
};

struct WalkRequest {
  // Of each row of a batch, all of one length. Rows go through a network of their own, over the same weights.
  std::span<MultiExit* const> networks;
  std::span<Navigator* const> navigators;
  std::span<const std::any* const> inputs;
  std::span<const Streams> streams;
  // Told how long every part took, of a single row; or null.
  PartCosts* observe = nullptr;
  Pacer* pacer = nullptr;  // sets the processors' frequency for a single row
};

// Rows that leave are taken out, and the layers behind run on the others only.
std::vector<Walk> walk(const WalkRequest& request);
// Of one row.
Walk walk(MultiExit& network, Navigator& navigator, const std::any& input, const Streams& streams = {},
          PartCosts* observe = nullptr);

}  // namespace dynexec::early_exit
