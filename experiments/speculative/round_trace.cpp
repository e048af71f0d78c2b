#include "experiments/speculative/round_trace.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace dynexec::speculative {

std::string round_trace(std::size_t index, const Round& round, std::span<const DraftToken> drafted,
                        std::span<const std::int32_t> committed) {
  std::vector<std::int32_t> tokens;
  std::vector<double> confidence, entropy;
  for (const DraftToken& token : drafted) {
    tokens.push_back(token.token);
    confidence.push_back(token.confidence);
    entropy.push_back(token.signal.entropy);
  }
  return fmt::format(
      R"({{"round":{},"previews":{},"drafted":[{}],"confidence":[{:.4f}],"entropy":[{:.4f}],"accepted":{},"committed":[{}]}})",
      index, round.previews, fmt::join(tokens, ","), fmt::join(confidence, ","), fmt::join(entropy, ","),
      round.accepted, fmt::join(committed, ","));
}

}  // namespace dynexec::speculative
