#include "experiments/early_exit/walk.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.hpp"
#include "experiments/early_exit/governing.hpp"

namespace dynexec::early_exit {
namespace {

using Clock = std::chrono::steady_clock;

double ms(Clock::duration elapsed) {
  return std::chrono::duration<double, std::milli>(elapsed).count();
}

// A row on its way.
struct Row {
  MultiExit& network;
  Navigator& navigator;
  Walk walk;
  Entry entry;
  std::size_t next = 0;  // exit to go to
  std::int64_t at = -1;  // exit that was reached last
  Cost seen{};           // of the parts that are in walk.work

  void note(WorkSegment::Kind kind, std::size_t exit, std::int64_t jump = 0) {
    const Cost& cost = network.cost();
    walk.work.push_back({.kind = kind,
                         .macs = cost.macs - seen.macs,
                         .weight_bytes = cost.weight_bytes - seen.weight_bytes,
                         .exit = exit,
                         .jump = jump});
    seen = cost;
  }
};

// Has the pacer finish even where an exception ends the walk.
class Paced {
 public:
  explicit Paced(Pacer* pacer) : pacer_(pacer) {
    if (pacer_) pacer_->start();
  }
  ~Paced() {
    try {
      finish();
    } catch (const std::exception&) {  // what ended the walk is the error to report
    }
  }
  Paced(const Paced&) = delete;
  Paced& operator=(const Paced&) = delete;

  void finish() {
    if (Pacer* const pacer = std::exchange(pacer_, nullptr)) pacer->finish();
  }

 private:
  Pacer* pacer_;
};

class Batch {
 public:
  explicit Batch(const WalkRequest& request)
      : observe_(request.networks.size() == 1 ? request.observe : nullptr),
        pacer_(request.pacer),
        paced_(request.pacer) {
    rows_.reserve(request.networks.size());
    for (std::size_t i = 0; i < request.networks.size(); ++i) {
      rows_.push_back({.network = *request.networks[i], .navigator = *request.navigators[i], .walk = {}, .entry = {}});
      Row& row = rows_.back();
      row.network.start(*request.inputs[i]);
      row.entry = row.navigator.enter(request.streams[i]);
      row.next = row.entry.exit;
      active_.push_back(i);
    }
  }

  std::vector<Walk> run() {
    while (!active_.empty()) {
      std::size_t exit = rows_[active_.front()].next;
      for (const std::size_t i : active_) exit = std::min(exit, rows_[i].next);
      run_layers_to(exit);
      for (const std::size_t i : active_)
        if (rows_[i].next == exit) test(rows_[i]);
      compact();
    }
    paced_.finish();
    std::vector<Walk> walks;
    const double share = compaction_ms_ / static_cast<double>(rows_.size());
    for (Row& row : rows_) {
      row.walk.compaction_ms = share;
      walks.push_back(std::move(row.walk));
    }
    return walks;
  }

 private:
  void run_layers_to(std::size_t exit) {
    if (active_.size() == 1) {
      Row& row = rows_[active_.front()];
      if (pacer_ && row.at >= 0) pacer_->before_jump(static_cast<std::size_t>(row.at), exit);
      const auto begin = Clock::now();
      row.network.run_layers_to(exit);
      if (observe_ && row.at + 1 == static_cast<std::int64_t>(exit))
        observe_->observe_layers(exit, ms(Clock::now() - begin));
      return;
    }
    together_.clear();
    for (const std::size_t i : active_) together_.push_back(&rows_[i].network);
    together_.front()->run_layers_together(together_, exit);
  }

  // Takes out the rows that have left.
  void compact() {
    const auto begin = Clock::now();
    const auto gone =
        std::remove_if(active_.begin(), active_.end(), [&](std::size_t i) { return rows_[i].next == kLeft; });
    active_.erase(gone, active_.end());
    compaction_ms_ += ms(Clock::now() - begin);
  }

  void test(Row& row) {
    const std::size_t exit = row.next, end = row.network.exits();
    row.note(WorkSegment::Kind::layers, exit, static_cast<std::int64_t>(exit) - row.at);
    row.at = static_cast<std::int64_t>(exit);
    if (row.entry.label) {
      row.walk.label = *row.entry.label;
      leave(row);
      return;
    }
    const auto begin = Clock::now();
    const std::span<const float> logits = row.network.logits(exit);
    if (observe_) observe_->observe_head(exit, ms(Clock::now() - begin));
    row.note(WorkSegment::Kind::head, exit);
    const ExitSignals signals = exit_signals(logits);
    Decision decision{.leave = true, .label = signals.label};
    if (exit < end) decision = row.navigator.decide(exit, signals);
    if (decision.macs > 0)
      row.walk.work.push_back({.kind = WorkSegment::Kind::predictor, .macs = decision.macs, .exit = exit});
    row.walk.tests.push_back({.exit = exit, .label = signals.label, .top = signals.top, .decision = decision});
    if (decision.leave) {
      row.walk.label = decision.label;
      leave(row);
      return;
    }
    if (decision.next <= exit || decision.next > end)
      throw Error(ErrorKind::internal, "a navigator goes back, or beyond the network's end", "", "");
    row.next = decision.next;
  }

  static void leave(Row& row) {
    row.walk.exit = row.next;
    row.walk.cost = row.network.cost();
    for (const WorkSegment& segment : row.walk.work)
      if (segment.kind == WorkSegment::Kind::predictor) row.walk.cost.macs += segment.macs;
    row.next = kLeft;
  }

  static constexpr std::size_t kLeft = static_cast<std::size_t>(-1);
  PartCosts* observe_;
  Pacer* pacer_;
  Paced paced_;
  std::vector<Row> rows_;
  std::vector<std::size_t> active_;
  std::vector<MultiExit*> together_;
  double compaction_ms_ = 0;
};

}  // namespace

std::vector<Walk> walk(const WalkRequest& request) {
  return Batch(request).run();
}

Walk walk(MultiExit& network, Navigator& navigator, const std::any& input, const Streams& streams, PartCosts* observe) {
  MultiExit* const networks[] = {&network};
  Navigator* const navigators[] = {&navigator};
  const std::any* const inputs[] = {&input};
  const Streams all[] = {streams};
  return std::move(
      walk({.networks = networks, .navigators = navigators, .inputs = inputs, .streams = all, .observe = observe})
          .front());
}

}  // namespace dynexec::early_exit
