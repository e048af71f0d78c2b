// One round of the decode loop as a JSON line for traces.jsonl.
#pragma once

#include <span>
#include <string>

#include "experiments/speculative/decode_loop.hpp"

namespace dynexec::speculative {

// committed: the tokens that the round added.
std::string round_trace(std::size_t index, const Round& round, std::span<const DraftToken> drafted,
                        std::span<const std::int32_t> committed);

}  // namespace dynexec::speculative
