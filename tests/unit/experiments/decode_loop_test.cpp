#include "experiments/speculative/decode_loop.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "base/error.hpp"
#include "experiments/speculative/calibration.hpp"
#include "experiments/speculative/hindsight.hpp"
#include "tests/support/tiny_model.hpp"

using namespace dynexec;
using namespace dynexec::speculative;
using dynexec::testing::TinyModel;
using dynexec::testing::TinyModelFolder;

namespace {

enum class Kind { model, self, lookup };

struct Pair {
  explicit Pair(const TinyModel& target_shape, const TinyModel& draft_shape, const DecoderFormats& formats = {})
      : target_folder(target_shape),
        draft_folder(draft_shape),
        target(std::make_shared<DecoderSession>(Decoder::load(target_folder.path(), formats), target_shape.positions)),
        draft(std::make_shared<DecoderSession>(Decoder::load(draft_folder.path(), formats), draft_shape.positions)) {}

  std::unique_ptr<Drafter> drafter(Kind kind) const {
    if (kind == Kind::model) return make_model_drafter(draft, target->decoder().config().vocab);
    if (kind == Kind::self) return make_self_drafter(target, 1);
    return make_prompt_lookup_drafter({.ngram_max = 2, .ngram_min = 1});
  }

  TinyModelFolder target_folder, draft_folder;
  std::shared_ptr<DecoderSession> target, draft;
};

CostTable flat_costs() {
  CostTable costs;
  costs.decode_ms = 1, costs.draft_ms = 0.1;
  for (int m = 0; m < 9; ++m) costs.verify_ms.push_back(1 + 0.05 * m);
  return costs;
}

std::unique_ptr<LengthPolicy> policy_of(const std::string& name, const CostTable& costs, const AcceptanceCurve& curve) {
  PolicyOptions options{.name = name, .length = 3, .max_length = 6, .threshold = name == "svip" ? 0.3 : 0.5};
  if (name == "cost_aware") return make_cost_aware_policy(options, costs, curve);
  return make_policy(options);
}

DecodeResult run(DecodeLoop& loop, std::span<const std::int32_t> prompt, std::uint64_t sample = 0) {
  return loop.run({.prompt = prompt, .streams = {.seed = 5, .sample = sample}, .observer = {}});
}

// Upper quantile of chi-square by Wilson and Hilferty; z = 3.719 leaves 1e-4.
double chi_square_limit(double freedom) {
  const double z = 3.719, h = 2 / (9 * freedom);
  return freedom * std::pow(1 - h + z * std::sqrt(h), 3);
}

}  // namespace

TEST_CASE("greedy speculative output equals autoregressive output for every drafter, policy and weight format") {
  const CostTable costs = flat_costs();
  const AcceptanceCurve curve = AcceptanceCurve::fit({{0.1, true}, {0.9, true}, {0.5, false}});
  std::vector<std::pair<std::int32_t, std::string>> cases;
  std::vector<std::string> formats = weight_format_names();
  formats.push_back("int4-g32+v_proj=int8+down_proj=int8");
  for (const std::string& format : formats)
    for (const std::int32_t end : {-1, 3}) cases.emplace_back(end, format);
  for (const auto& [end, format] : cases) {
    TinyModel shape{.vocab = 11, .layers = 3, .seed = 2};
    if (end >= 0) shape.end_tokens = {end};
    const auto weights = LayerFormats::parse(format);
    const Pair pair(shape, {.vocab = 11, .layers = 1, .seed = 2}, {.layers = weights, .head = weights.base()});
    INFO("weights ", weights.name());
    for (const double penalty : {1.0, 1.3}) {
      const GenerationOptions options{.sampling = {.repetition_penalty = penalty}, .max_new_tokens = 30};
      DecodeLoop baseline(pair.target, nullptr, nullptr, options);
      for (const Kind kind : {Kind::model, Kind::self, Kind::lookup})
        for (const std::string& name : policy_names()) {
          if (kind == Kind::lookup && policy_needs_distribution(name)) continue;
          DecodeLoop loop(pair.target, pair.drafter(kind), policy_of(name, costs, curve), options);
          std::int64_t accepted = 0;
          for (std::int32_t first = 0; first < 11; ++first) {
            const std::vector<std::int32_t> prompt{first, 4, first, 4};
            const DecodeResult expected = run(baseline, prompt), found = run(loop, prompt);
            CAPTURE(name);
            CHECK(found.tokens == expected.tokens);
            CHECK(found.ended == expected.ended);
            CHECK(found.cost.tokens == static_cast<std::int64_t>(found.tokens.size()));
            CHECK(found.cost.target_passes <= expected.cost.target_passes);
            CHECK(found.cost.accepted_tokens + found.cost.target_passes + 1 >= found.cost.tokens);
            accepted += found.cost.accepted_tokens;
          }
          if (name != "cost_aware") CHECK(accepted > 0);
        }
    }
  }
}

TEST_CASE("the length budget and the cache's capacity are kept exactly") {
  const Pair pair({.vocab = 9, .positions = 16, .seed = 4}, {.vocab = 9, .layers = 1, .positions = 16, .seed = 4});
  const std::vector<std::int32_t> prompt{1, 2, 3};
  for (const std::int64_t budget : {1, 2, 7, 14}) {
    const GenerationOptions options{.sampling = {}, .max_new_tokens = budget};
    DecodeLoop baseline(pair.target, nullptr, nullptr, options);
    const DecodeResult expected = run(baseline, prompt);
    CHECK(static_cast<std::int64_t>(expected.tokens.size()) == budget);
    for (const Kind kind : {Kind::model, Kind::self, Kind::lookup}) {
      DecodeLoop loop(pair.target, pair.drafter(kind), make_policy({.name = "constant", .length = 8}), options);
      CHECK(run(loop, prompt).tokens == expected.tokens);
    }
  }
  DecodeLoop too_long(pair.target, nullptr, nullptr, {.sampling = {}, .max_new_tokens = 15});
  CHECK_THROWS_AS(run(too_long, prompt), Error);
  CHECK_THROWS_AS(run(too_long, {}), Error);
}

TEST_CASE("sampling keeps the joint distribution of the first three tokens") {
  // Chi-square against exact enumeration; each test's false-alarm rate is 1e-4, so all of them together stay below 0.3
  // %.
  const Pair pair({.vocab = 5, .seed = 6, .scale = 0.45}, {.vocab = 5, .layers = 1, .seed = 8, .scale = 0.45});
  const std::vector<std::int32_t> prompt{1, 3, 1};
  const SamplingOptions settings[] = {{.temperature = 1},
                                      {.temperature = 0.6, .repetition_penalty = 1.2},
                                      {.temperature = 1.3, .top_p = 0.8},
                                      {.temperature = 1, .top_k = 3, .min_p = 0.1}};
  for (const SamplingOptions& sampling : settings) {
    std::map<std::vector<std::int32_t>, double> exact;
    const auto enumerate = [&](auto&& self, std::vector<std::int32_t> history, double probability) -> void {
      if (history.size() == prompt.size() + 3) {
        exact[{history.begin() + 3, history.end()}] += probability;
        return;
      }
      std::vector<float> p(5);
      pair.target->truncate(0);
      warp(pair.target->forward(history, 1), sampling, history, p);
      for (std::int32_t token = 0; token < 5; ++token) {
        if (p[static_cast<std::size_t>(token)] == 0) continue;
        std::vector<std::int32_t> next = history;
        next.push_back(token);
        self(self, next, probability * static_cast<double>(p[static_cast<std::size_t>(token)]));
      }
    };
    enumerate(enumerate, prompt, 1);

    const GenerationOptions options{.sampling = sampling, .max_new_tokens = 3};
    for (const Kind kind : {Kind::model, Kind::self, Kind::lookup})
      for (const char* name : {"constant", "cost_aware"}) {
        const CostTable costs = flat_costs();
        const AcceptanceCurve curve =
            AcceptanceCurve::fit(std::vector<AcceptanceCurve::Observation>(30, {.signal = 0.5, .accepted = true}));
        DecodeLoop loop(pair.target, pair.drafter(kind), policy_of(name, costs, curve), options);
        constexpr int kRuns = 12000;
        std::map<std::vector<std::int32_t>, int> counts;
        std::int64_t drafted = 0;
        for (std::uint64_t i = 0; i < kRuns; ++i) {
          const DecodeResult result = run(loop, prompt, i);
          ++counts[result.tokens];
          drafted += result.cost.drafted_tokens;
        }
        CHECK(drafted > 0);
        double chi_square = 0, rare_expected = 0;
        int cells = 0, rare_count = 0, seen = 0;
        for (const auto& [tokens, probability] : exact) {
          const double expected = kRuns * probability;
          const int count = counts.count(tokens) != 0 ? counts[tokens] : 0;
          seen += count;
          if (expected < 5) {
            rare_expected += expected, rare_count += count;
            continue;
          }
          chi_square += (count - expected) * (count - expected) / expected;
          ++cells;
        }
        if (rare_expected > 0) {
          chi_square += (rare_count - rare_expected) * (rare_count - rare_expected) / rare_expected;
          ++cells;
        }
        CHECK(seen == kRuns);  // nothing impossible was produced
        CHECK(chi_square < chi_square_limit(cells - 1));
      }
  }
}

TEST_CASE("a run can be replayed from its streams alone") {
  const Pair pair({.vocab = 11, .seed = 2}, {.vocab = 11, .layers = 1, .seed = 3});
  const GenerationOptions options{.sampling = {.temperature = 1}, .max_new_tokens = 20};
  const std::vector<std::int32_t> prompt{1, 2};
  DecodeLoop loop(pair.target, pair.drafter(Kind::model), make_policy({.name = "heuristic"}), options);
  const DecodeResult first = run(loop, prompt, 3);
  run(loop, prompt, 4);
  CHECK(run(loop, prompt, 3).tokens == first.tokens);
  CHECK(run(loop, prompt, 4).tokens != first.tokens);
}

TEST_CASE("hindsight runs agree with what the loop accepts") {
  const Pair pair({.vocab = 11, .layers = 3, .seed = 2}, {.vocab = 11, .layers = 1, .seed = 2});
  const GenerationOptions options{.sampling = {}, .max_new_tokens = 30};
  for (const Kind kind : {Kind::model, Kind::self, Kind::lookup}) {
    DecodeLoop loop(pair.target, pair.drafter(kind), make_policy({.name = "constant", .length = 4}), options);
    const std::vector<std::int32_t> prompt{1, 2, 1, 2};
    const DecodeResult result = run(loop, prompt);
    std::vector<std::int32_t> tokens = prompt;
    tokens.insert(tokens.end(), result.tokens.begin(), result.tokens.end());
    const std::vector<std::int64_t> runs = pair.drafter(kind)->agreeing_runs(tokens, prompt.size());
    REQUIRE(runs.size() == result.tokens.size());
    std::size_t at = 1;
    for (const Round& round : result.rounds) {
      CHECK(round.accepted == std::min(runs[at], round.drafted));
      at += static_cast<std::size_t>(round.committed);
    }
  }
}

TEST_CASE("calibration fills the cost table and the acceptance curve") {
  const Pair pair({.vocab = 11, .layers = 3, .seed = 2}, {.vocab = 11, .layers = 1, .seed = 2});
  const GenerationOptions options{.sampling = {}, .max_new_tokens = 30};
  const std::vector<std::vector<std::int32_t>> prompts{{1, 2, 3}, {4, 5, 6}};
  const Calibration calibration =
      calibrate(pair.target, pair.drafter(Kind::model), options, prompts, {.max_length = 4, .budget_ms = 20});
  CHECK(calibration.costs.verify_ms.size() == 5);
  CHECK(calibration.costs.decode_ms > 0);
  CHECK(calibration.costs.draft_ms > 0);
  CHECK(std::is_sorted(calibration.costs.verify_ms.begin(), calibration.costs.verify_ms.end()));
  CHECK(calibration.curve.mean() > 0);
  CHECK_THROWS_AS(calibrate(pair.target, nullptr, options, {}, {}), Error);
}

TEST_CASE("running costs follow the rounds of the rows") {
  CostTable calibrated;
  calibrated.verify_ms = {1, 2, 3, 4, 5};
  calibrated.decode_ms = 1;
  calibrated.draft_ms = 0.5;
  calibrated.draft_prefill_ms = 2;
  RunningCosts running(calibrated);
  CHECK(running.table().verify_ms == calibrated.verify_ms);
  CHECK(running.table().draft_ms == 0.5);

  // Plain steps take twice as long, drafts of 2 three times; the length between lies between, longer ones go along.
  const Round plain{.verify_ms = 2}, first{.previews = 2, .drafted = 2, .draft_ms = 7, .verify_ms = 9},
      later{.previews = 2, .drafted = 2, .draft_ms = 2, .verify_ms = 9};
  running.add(std::vector<Round>{plain, first, later, later});
  const CostTable costs = running.table();
  CHECK(costs.decode_ms == 2);
  CHECK(costs.verify_ms == std::vector<double>{2, 2 * 2.5, 9, 4 * 3.0, 5 * 3.0});
  CHECK(costs.draft_ms == 1);
  CHECK(costs.draft_prefill_ms == 6);

  // One round that was interrupted is left out; many slow ones are the machine, and old ones are forgotten.
  running.add(std::vector<Round>{{.verify_ms = 50}});
  running.add(std::vector<Round>(2, plain));
  CHECK(running.table().decode_ms == 2);
  running.add(std::vector<Round>(64, Round{.verify_ms = 4}));
  CHECK(running.table().decode_ms == 4);
}
