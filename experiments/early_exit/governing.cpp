#include "experiments/early_exit/governing.hpp"

#include <algorithm>
#include <any>

#include "experiments/early_exit/walk.hpp"

namespace dynexec::early_exit {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Of a change down and up again, half.
double switch_ms(Cpufreq& processors) {
  const auto start = Clock::now();
  processors.set(0);
  processors.set(processors.mhz().size() - 1);
  return ms_since(start) / 2;
}

}  // namespace

NetworkWork network_work(const RecordedExits& recorded, const MultiExit& network) {
  NetworkWork work;
  for (std::size_t exit = 0; exit <= recorded.exits(); ++exit) {
    const PartWork &layers = recorded.layers(exit), &head = recorded.head(exit);
    work.layers.push_back(
        {.macs = layers.macs, .weight_bytes = layers.weight_bytes, .matrices = network.matrices(exit)});
    work.heads.push_back({.macs = head.macs, .weight_bytes = head.weight_bytes, .matrices = {}});
  }
  return work;
}

Governor fitted_governor(const WalkModel& model, const GovernorOptions& options, const RecordedExits& recorded,
                         Navigator& navigator) {
  std::vector<std::vector<WorkSegment>> walks;
  ReplayedExits network(recorded);
  for (std::size_t i = 0; i < recorded.samples(); ++i)
    walks.push_back(walk(network, navigator, std::any(i), Streams{.seed = 0, .sample = i, .repetition = 0}).work);
  Governor governor = model.governor(options);
  calibrate_governor(governor, model, walks);
  return governor;
}

Pacer::Pacer(std::shared_ptr<Cpufreq> processors, Governor governor, const PartCosts& costs, std::size_t exits)
    : processors_(std::move(processors)), governor_(std::move(governor)), costs_(costs), exits_(exits) {}

double Pacer::elapsed_ms() const {
  return ms_since(start_);
}

void Pacer::start() {
  processors_->set(governor_.base_level());
  plain_ms_ = costs_.head_ms(exits_);
  for (std::size_t exit = 0; exit <= exits_; ++exit) plain_ms_ += costs_.layers_ms(exit);
  start_ = Clock::now();
}

void Pacer::before_jump(std::size_t at, std::size_t exit) {
  double jump_ms = costs_.head_ms(exit), behind_ms = 0;
  for (std::size_t i = at + 1; i <= exit; ++i) jump_ms += costs_.layers_ms(i);
  for (std::size_t i = exit + 1; i <= exits_; ++i) behind_ms += costs_.layers_ms(i) + costs_.head_ms(i);
  const std::vector<double>& mhz = processors_->mhz();
  processors_->set(governor_.choose({.jump = static_cast<std::int64_t>(exit - at),
                                     .exits_left = static_cast<std::int64_t>(exits_ - at) - 1,
                                     .behind_ms = behind_ms,
                                     .left_ms = governor_.options().deadline * plain_ms_ - elapsed_ms(),
                                     .current = processors_->level(),
                                     .jump_ms = [&](std::size_t level) { return jump_ms * mhz.back() / mhz[level]; },
                                     .jump_joules = {}}));
}

void Pacer::finish() {
  processors_->set(processors_->mhz().size() - 1);
}

std::unique_ptr<Pacer> make_pacer(const std::shared_ptr<Cpufreq>& processors, const GovernorOptions& options,
                                  const Governor* fitted, const WalkModel* model, const PartCosts& costs,
                                  std::size_t exits) {
  const std::vector<double>& mhz = processors->mhz();
  Governor governor(options, mhz, switch_ms(*processors));
  if (fitted && model) {
    if (fitted->options().reserve) governor.set_reserve(*fitted->options().reserve);
    // The same share of the highest frequency, rounded up.
    const double share = model->model().mhz(fitted->base_level()) / model->model().mhz(model->model().top());
    const auto found = std::find_if(mhz.begin(), mhz.end(), [&](double f) { return f >= share * mhz.back() - 1e-6; });
    governor.set_base_level(static_cast<std::size_t>(found - mhz.begin()));
  }
  return std::make_unique<Pacer>(processors, std::move(governor), costs, exits);
}

}  // namespace dynexec::early_exit
