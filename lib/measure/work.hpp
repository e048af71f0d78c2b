// What a path with a varying amount of work did, whatever its family: the parts that ran, and where it stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace dynexec {

// A walk through a network of N exits (the network's own end is "exit" N) is a list of these in the order in which they
// ran: layers, head, [predictor,] layers, head, ... All the figures are counted, none is estimated.
struct WorkSegment {
  enum class Kind {
    layers,     // from the exit tested before (or the input) to `exit`
    head,       // the classifier at `exit`; at N the network's own
    predictor,  // at `exit`: where to test next
  };
  Kind kind = Kind::layers;
  double macs = 0, weight_bytes = 0;
  std::size_t exit = 0;
  // Layers only: exits from the one tested before to `exit`; from the input, exit + 1. What a governor may slow down.
  std::int64_t jump = 0;
};

// Where a walk ended. Below zero or NaN: does not apply.
struct ExitFacts {
  std::int64_t index = -1;                                  // exit that answered; N: the network's own end
  double depth = std::numeric_limits<double>::quiet_NaN();  // share of the layers' multiply-accumulates that ran
  std::int64_t tested = -1;                                 // heads that ran, the network's own included
  std::int64_t forecasts = -1, forecast_hits = -1;          // of the exit to leave at; hits: known in hindsight
  // In a batch: time in which rows that had left were taken out of it, an equal share a row.
  double compaction_ms = std::numeric_limits<double>::quiet_NaN();
};

// How a picture was sampled. Below zero: does not apply.
struct SamplingFacts {
  std::int64_t steps = -1;        // of the schedule that was begun
  std::int64_t evaluations = -1;  // of the network, those of the prompt and of guidance each counted
  std::int64_t reused = -1;       // of these: with deep features of an earlier one
};

}  // namespace dynexec
