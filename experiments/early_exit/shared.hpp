// What the paths share that run the network in one weight format: the network, what is known of it, and hindsight.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/early_exit/governing.hpp"
#include "experiments/early_exit/multi_exit.hpp"
#include "experiments/early_exit/navigator.hpp"
#include "experiments/early_exit/options.hpp"
#include "experiments/early_exit/part_costs.hpp"
#include "experiments/early_exit/recorded.hpp"

namespace dynexec::early_exit {

// The processors' frequency, in our hands from the first call until the experiment ends.
class Processors {
 public:
  // Error(config) for a path that names another folder than the one before it.
  std::shared_ptr<Cpufreq> of(const PathOptions& path);

 private:
  std::shared_ptr<Cpufreq> held_;
  std::string sysfs_;
};

struct Shared {
  std::unique_ptr<MultiExit> network;
  std::shared_ptr<const Task> task;   // the measured samples, for the oracle
  std::vector<std::any> calibration;  // inputs
  double calibration_ms = 1000;
  std::vector<PathOptions> paths;  // of the experiment, in whatever format
  std::optional<HardwareOptions> hardware;
  std::shared_ptr<Processors> processors = std::make_shared<Processors>();  // of all formats

  // Measured at the first call, at the highest frequency where any path controls it.
  PartCosts& costs();
  // Of the calibration inputs that methods learn from, recorded at the first call.
  const RecordedExits& recorded();
  // Of a third of the calibration inputs, which methods do not learn from: a governor that was chosen where its path
  // learnt would promise too much. Without such governors methods learn from all.
  const RecordedExits& recorded_for_governors();
  // Networks for the rows of a batch, the first one `network`.
  std::span<MultiExit* const> rows(std::size_t count);
  // Of the networks of all rows so far.
  double memory_bytes() const;

  // Of the network under the config's profile; null without one.
  const WalkModel* walk_model();

  // A path's navigator, fitted.
  std::unique_ptr<Navigator> navigator(const PathOptions& path);

  // All the exits' answers to a sample, remembered as long as there is room; valid until the next call.
  const RecordedExits& hindsight(const Sample& sample);
  // The oracle: the first exit that gives the whole network's answer.
  struct Agreeing {
    std::size_t exit = 0;
    int label = 0;
  };
  Agreeing agreeing(const Sample& sample);

 private:
  std::unique_ptr<PartCosts> costs_;
  std::size_t kept_for_governors() const;

  std::unique_ptr<RecordedExits> recorded_, recorded_for_governors_;
  std::unique_ptr<WalkModel> walk_model_;
  std::vector<std::unique_ptr<MultiExit>> others_;
  std::vector<MultiExit*> rows_;
  std::map<std::size_t, RecordedExits> hindsight_;  // by sample
  std::map<std::size_t, Agreeing> agreeing_;
};

// A path's navigator before it is fitted; early_exit and predictive only.
std::unique_ptr<Navigator> plain_navigator(const PathOptions& path, std::size_t exits, std::size_t classes);
// Whether a path learns from recorded exits.
bool learns(const PathOptions& path);

}  // namespace dynexec::early_exit
