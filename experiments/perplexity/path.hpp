// One language model in one format reads texts, token by token as it would write them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/tokenizer.hpp"
#include "measure/contract.hpp"
#include "models/decoder.hpp"

namespace dynexec::perplexity {

// How surprised a model is by a text: -ln p of each token given those before it, added up.
struct Surprise {
  double nats = 0;
  std::int64_t tokens = 0;
  std::vector<std::int32_t> best;  // the model's own choice at each of them
};

struct PathParts {
  std::string name;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<DecoderSession> session;
};

// Token ids of a text, and the first that counts.
struct ScoredIds {
  std::vector<std::int32_t> ids;
  std::size_t first = 1;
};

// A solution counts from its first token on, prompts without one from their second. At most `most` ids.
// Error(data) where no token would count.
ScoredIds scored_ids(const Tokenizer& tokenizer, const Sample& sample, std::int64_t most);

std::unique_ptr<Path> make_path(PathParts parts);

}  // namespace dynexec::perplexity
