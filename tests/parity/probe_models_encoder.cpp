// Runs texts through an encoder and writes what comes out as raw fp32.
//   probe_models_encoder FOLDER TEXTS OUT [BRANCH [THREADS [BATCH]]]
// TEXTS: a JSON list of lists of ids. OUT, for each text: the states after every layer [layers, tokens, hidden], the
// logits of every exit, those of the classifier when there is one. BATCH texts go through together (default 1). Prints
// parameters, the MACs of every text, and the MACs counted by the code that ran, exits aside.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"
#include "models/encoder.hpp"

namespace {

using namespace dynexec;

void append(std::vector<float>& to, std::span<const float> values) {
  to.insert(to.end(), values.begin(), values.end());
}

void run(int count, char** arguments) {
  if (count > 4) select_kernel_branch(arguments[4]);
  if (count > 5) set_compute_threads(std::atoi(arguments[5]));
  const std::size_t batch = count > 6 ? static_cast<std::size_t>(std::atoi(arguments[6])) : 1;
  const ModelFolder folder = ModelFolder::open(arguments[1]);
  const auto encoder = Encoder::load(folder);
  const EncoderConfig& config = encoder->config();
  const std::vector<EncoderExit> exits = load_encoder_exits(folder, config);
  const bool mean = parse_encoder_exits(folder.config(), "config.json", config.layers).mean;
  std::ifstream in(arguments[2]);
  const auto texts = nlohmann::json::parse(in).get<std::vector<std::vector<std::int32_t>>>();
  std::ofstream out(arguments[3], std::ios::binary);
  EncoderSession session(encoder, batch);
  std::printf("parameters %.0f\n", encoder->parameters());
  for (std::size_t first = 0; first < texts.size(); first += batch) {
    std::vector<std::span<const std::int32_t>> now;
    for (std::size_t i = first; i < std::min(texts.size(), first + batch); ++i) now.emplace_back(texts[i]);
    session.start(now);
    std::vector<std::vector<float>> results(now.size()), answers(now.size());
    double heads = 0;
    std::size_t next = 0;
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
      session.run_to(layer);
      for (std::size_t row = 0; row < now.size(); ++row) append(results[row], session.states(row));
      if (next < exits.size() && exits[next].layer == layer) {
        const auto logits = session.classify(exits[next].head, mean);
        for (std::size_t row = 0; row < now.size(); ++row)
          append(answers[row], logits.subspan(row * static_cast<std::size_t>(config.classes),
                                              static_cast<std::size_t>(config.classes)));
        heads += static_cast<double>(now.size()) * exits[next++].head.macs_per_row();
      }
    }
    if (config.classes > 0) {
      const auto logits = session.logits();
      for (std::size_t row = 0; row < now.size(); ++row)
        append(answers[row], logits.subspan(row * static_cast<std::size_t>(config.classes),
                                            static_cast<std::size_t>(config.classes)));
    }
    double expected = 0;
    for (std::size_t row = 0; row < now.size(); ++row) {
      append(results[row], answers[row]);
      out.write(reinterpret_cast<const char*>(results[row].data()),
                static_cast<std::streamsize>(results[row].size() * sizeof(float)));
      expected += encoder->macs(static_cast<std::int64_t>(now[row].size()));
    }
    std::printf("macs %.0f counted %.0f\n", expected, session.cost().macs - heads);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string(arguments[1]) == "branches") {
    for (const std::string& name : dynexec::kernel_branches()) std::printf("%s\n", name.c_str());
    return 0;
  }
  if (count < 4) return 2;
  try {
    run(count, arguments);
  } catch (const dynexec::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
