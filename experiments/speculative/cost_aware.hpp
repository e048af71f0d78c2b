// The cost-aware stop: draft length as an optimal stopping problem over measured costs and calibrated acceptance.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/speculative/policy.hpp"

namespace dynexec::speculative {

// Maximises long-run tokens per ms, the ratio E[tokens of a round] / E[cost of a round]. With the rate rho known, a
// round is worth G - rho * C (Dinkelbach); drafting on is then a stopping problem in (tokens drafted k, probability A
// that all of them are accepted), solved backwards over a grid of A with the acceptance estimates of the calibration
// split as the distribution of the next token's a:
//   before computing token k+1:  f_k(A) = max(0, -rho * T_draft + E_a[g_k(A a)])
//   with its a known:            g_k(B) = max(0, B - rho * (T(k+2) - T(k+1)) + f_{k+1}(B))
// rho follows by iteration. A first decision f_0(1) = 0 means that speculation does not pay: it is switched off.
class StoppingRule {
 public:
  // acceptance: estimates of a for draft tokens seen in calibration (at least one).
  StoppingRule(const CostTable& costs, std::vector<double> acceptance, std::int64_t max_length);

  // Whether to compute token k + 1 when the k tokens so far are all accepted with probability `joint`.
  bool worth_trying(std::int64_t k, double joint) const;
  // Whether to add token k + 1 to the draft, given the probability `joint` that all k + 1 are accepted.
  bool worth_adding(std::int64_t k, double joint) const;
  double rate() const { return rate_; }  // tokens per ms under the rule, in expectation

 private:
  // downs: the acceptance estimates as steps of the grid of A.
  void solve(const CostTable& costs, const std::vector<double>& downs);
  double expected_rate(const CostTable& costs, const std::vector<double>& downs) const;
  static std::size_t cell(double joint);

  std::int64_t max_length_;
  double rate_ = 0;
  std::vector<std::vector<double>> try_value_, add_value_;  // [k][cell of joint]
};

}  // namespace dynexec::speculative
