// The typed form of a speculative experiment's config.
#pragma once

#include <string>
#include <vector>

#include "config/node.hpp"
#include "experiments/decoder_sessions.hpp"
#include "experiments/speculative/decode_loop.hpp"

namespace dynexec::speculative {

enum class DrafterKind { none, model, prompt_lookup, self };

struct PathOptions {
  std::string name;
  DrafterKind drafter = DrafterKind::none;  // none: autoregressive
  PolicyOptions policy;
  PromptLookupOptions lookup;
  std::int64_t exit_layer = 2;
  DecoderFormats weights, draft_weights;
  Node node;  // for errors that need the loaded models

  bool speculative() const { return drafter != DrafterKind::none; }
  // Same drafter with the same settings and weights: costs and acceptance are shared.
  std::string drafter_key() const;
  std::string drafter_name() const;
  std::string describe() const;
};

struct Options {
  std::string target, draft;              // model folders; draft may be empty when no path needs it
  std::string draft_place;                // where the config names it, for errors
  std::int64_t max_context = 0;           // 0: as long as the longest prompt needs
  DecoderFormats weights, draft_weights;  // of paths that name none
  GenerationOptions generation;
  std::int64_t calibration_samples = 32;
  double calibration_ms = 1000;
  std::vector<PathOptions> paths;  // [0] is autoregressive
};

GenerationOptions read_generation(const Node& node);
// Reads `model`, `generation`, `calibration` and `paths`; Error(config) with place and remedy.
Options read_options(const Node& root);

}  // namespace dynexec::speculative
