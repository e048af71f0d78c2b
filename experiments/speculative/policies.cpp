#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "experiments/speculative/policy.hpp"

namespace dynexec::speculative {
namespace {

class Constant : public LengthPolicy {
 public:
  explicit Constant(const PolicyOptions& options) : length_(options.length) {}
  std::int64_t cap() const override { return length_; }

 private:
  std::int64_t length_;
};

// transformers' "heuristic_transient" schedule: +2 after a fully accepted draft, else -1, at least 1.
class Heuristic : public LengthPolicy {
 public:
  explicit Heuristic(const PolicyOptions& options)
      : initial_(std::min(options.length, options.max_length)), max_(options.max_length), length_(initial_) {}
  void start() override { length_ = initial_; }
  std::int64_t cap() const override { return length_; }
  void observe(std::int64_t drafted, std::int64_t accepted) override {
    length_ = accepted == drafted ? std::min(length_ + 2, max_) : std::max<std::int64_t>(1, length_ - 1);
  }

 private:
  std::int64_t initial_, max_, length_;
};

// transformers' dynamic speculation: stop after a token below the threshold; that token stays in the draft.
class Confidence : public LengthPolicy {
 public:
  explicit Confidence(const PolicyOptions& options) : threshold_(options.threshold), max_(options.max_length) {}
  std::int64_t cap() const override { return max_; }
  bool go_on(std::int64_t, const DraftToken& token) override { return token.confidence >= threshold_; }
  bool needs_signals() const override { return true; }

 private:
  double threshold_;
  std::int64_t max_;
};

// The threshold update that Draft&Verify (arXiv 2309.08168) and AdaEDL (arXiv 2410.18351) share: steer a smoothed
// acceptance rate towards 0.9.
class AdaptiveThreshold {
 public:
  explicit AdaptiveThreshold(double initial) : initial_(initial), value_(initial) {}
  void reset() { value_ = initial_, rate_ = 0; }
  double value() const { return value_; }
  // hold: leave the threshold alone when the rate is on target.
  void update(std::int64_t drafted, std::int64_t accepted, bool hold) {
    if (drafted == 0) return;
    rate_ = 0.5 * rate_ + 0.5 * static_cast<double>(accepted) / static_cast<double>(drafted);
    if (rate_ >= kTarget && hold) return;
    const double proposal = rate_ < kTarget ? value_ + kStep : value_ - kStep;
    value_ = std::clamp(0.9 * value_ + 0.1 * proposal, 0.0, 1.0);
  }

 private:
  static constexpr double kTarget = 0.9, kStep = 0.01;
  double initial_, value_, rate_ = 0;
};

class DraftVerify : public LengthPolicy {
 public:
  explicit DraftVerify(const PolicyOptions& options) : threshold_(options.threshold), max_(options.max_length) {}
  void start() override { threshold_.reset(); }
  std::int64_t cap() const override { return max_; }
  bool go_on(std::int64_t, const DraftToken& token) override { return token.confidence >= threshold_.value(); }
  void observe(std::int64_t drafted, std::int64_t accepted) override {
    threshold_.update(drafted, accepted, drafted == max_);
  }
  bool needs_signals() const override { return true; }

 private:
  AdaptiveThreshold threshold_;
  std::int64_t max_;
};

// AdaEDL: before a token is drafted, stop when the entropy bound on its acceptance falls below the threshold.
class AdaEdl : public LengthPolicy {
 public:
  explicit AdaEdl(const PolicyOptions& options)
      : threshold_(options.threshold), weight_(options.entropy_weight), max_(options.max_length) {}
  void start() override { threshold_.reset(); }
  std::int64_t cap() const override { return max_; }
  bool keep(std::int64_t drafted, const DraftSignal& signal) override {
    return drafted == 0 || 1 - std::sqrt(weight_ * signal.entropy) >= threshold_.value();
  }
  void observe(std::int64_t drafted, std::int64_t accepted) override {
    threshold_.update(drafted, accepted, accepted == max_);
  }
  bool needs_signals() const override { return true; }

 private:
  AdaptiveThreshold threshold_;
  double weight_;
  std::int64_t max_;
};

// SVIP (arXiv 2411.18462): stop after a token whose distribution was too uncertain.
class Svip : public LengthPolicy {
 public:
  explicit Svip(const PolicyOptions& options)
      : threshold_(options.threshold), weight_(options.entropy_weight), max_(options.max_length) {}
  std::int64_t cap() const override { return max_; }
  bool go_on(std::int64_t, const DraftToken& token) override {
    return std::sqrt(weight_ * token.signal.entropy) <= threshold_;
  }
  bool needs_signals() const override { return true; }

 private:
  double threshold_, weight_;
  std::int64_t max_;
};

template <class Policy>
std::unique_ptr<LengthPolicy> make(const PolicyOptions& options) {
  return std::make_unique<Policy>(options);
}

struct Entry {
  const char* name;
  bool needs_distribution;
  std::unique_ptr<LengthPolicy> (*make)(const PolicyOptions&);  // null: made elsewhere
};

constexpr std::array<Entry, 7> kPolicies{{
    {"constant", false, make<Constant>},
    {"heuristic", false, make<Heuristic>},
    {"confidence", true, make<Confidence>},
    {"draft_verify", true, make<DraftVerify>},
    {"adaedl", true, make<AdaEdl>},
    {"svip", true, make<Svip>},
    {"cost_aware", false, nullptr},
}};

const Entry& find(const std::string& name) {
  for (const Entry& entry : kPolicies)
    if (name == entry.name) return entry;
  throw Error(ErrorKind::internal, "unknown draft-length policy '" + name + "'", "", "");
}

}  // namespace

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kPolicies) names.emplace_back(entry.name);
  return names;
}

bool policy_needs_distribution(const std::string& name) {
  return find(name).needs_distribution;
}

std::unique_ptr<LengthPolicy> make_policy(const PolicyOptions& options) {
  return find(options.name).make(options);
}

}  // namespace dynexec::speculative
