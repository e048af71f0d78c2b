// A learnt gate: how likely is it that an exit already answers as the whole network will? (CALM's classifier, Schuster
// et al. 2022, section 3.3, on what the head says instead of on the hidden state: it costs nothing beside the head.)
#pragma once

#include <memory>

#include "experiments/early_exit/exit_rule.hpp"

namespace dynexec::early_exit {

// One logistic regression an exit; features: largest probability, its log-odds, margin, certainty and, where the rule
// may remember, agreement with the exit tested before. Without fit() every score is one half.
std::unique_ptr<ExitRule> make_gate(double ridge, const RuleRequest& request);

}  // namespace dynexec::early_exit
