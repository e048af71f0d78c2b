// Reads cases as JSON lines on stdin and prints what lib/measure computes for each, a JSON line a case.
//   {"kind": "mean" | "ratio" | "geometric_mean", "values": [...], "denominator": [...], "method": "bca" |
//   "percentile",
//    "resamples": N, "seed": N, "confidence": c}
//   {"kind": "mann_whitney", "values": [...], "denominator": [...]}
//   {"kind": "wilson", "successes": k, "trials": n, "confidence": c}
//   {"kind": "quantile_interval", "values": [...], "p": p, "confidence": c}
//   {"kind": "normal_quantile", "values": [...]}
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "measure/bootstrap.hpp"
#include "measure/statistics.hpp"

namespace {

using namespace dynexec;
using nlohmann::json;

// JSON has no infinities or NaN: those become null.
json number(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json interval_json(const Interval& interval) {
  return {{"value", number(interval.value)}, {"low", number(interval.low)}, {"high", number(interval.high)}};
}

json answer(const json& question) {
  const std::string kind = question.at("kind");
  const auto values = question.value("values", std::vector<double>{});
  const auto second = question.value("denominator", std::vector<double>{});
  const double confidence = question.value("confidence", 0.95);
  if (kind == "mann_whitney") {
    const MannWhitney test = mann_whitney(values, second);
    return {{"u", number(test.u)}, {"p", number(test.p)}, {"exact", test.exact}};
  }
  if (kind == "wilson")
    return interval_json(wilson_interval(question.at("successes"), question.at("trials"), confidence));
  if (kind == "quantile_interval") return interval_json(percentile_with_interval(values, question.at("p"), confidence));
  if (kind == "normal_quantile") {
    json out = json::array();
    for (const double p : values) out.push_back(number(normal_quantile(p)));
    return out;
  }
  BootstrapOptions options;
  options.resamples = question.at("resamples");
  options.seed = question.at("seed");
  options.confidence = confidence;
  options.method = question.at("method") == "bca" ? IntervalMethod::bca : IntervalMethod::percentile;
  const Bootstrap bootstrap(values.size(), options);
  if (kind == "mean") return interval_json(bootstrap.mean(values));
  if (kind == "ratio") return interval_json(bootstrap.ratio(values, second));
  if (kind == "geometric_mean") return interval_json(bootstrap.geometric_mean(values));
  throw std::invalid_argument("unknown kind " + kind);
}

}  // namespace

int main() {
  std::cout.precision(17);
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(json::parse(line)).dump() << "\n";
}
