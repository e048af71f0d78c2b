// Warps logits: reads fp32 logits from a file and, on standard input, one setting per line:
//   TEMPERATURE TOP_K TOP_P MIN_P PENALTY VOCAB ROW HISTORY-ID...
// Writes the probabilities (raw fp32), line after line. Usage: probe_models_sampling LOGITS PROBABILITIES
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "models/sampling.hpp"

int main(int argc, char** argv) {
  using namespace dynexec;
  if (argc != 3) return 2;
  try {
    std::ifstream in(argv[1], std::ios::binary | std::ios::ate);
    std::vector<float> logits(static_cast<std::size_t>(in.tellg()) / sizeof(float));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(logits.data()), static_cast<std::streamsize>(logits.size() * sizeof(float)));
    std::ofstream out(argv[2], std::ios::binary);
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      SamplingOptions o;
      std::size_t vocab = 0, row = 0;
      words >> o.temperature >> o.top_k >> o.top_p >> o.min_p >> o.repetition_penalty >> vocab >> row;
      const std::vector<std::int32_t> history{std::istream_iterator<std::int32_t>(words), {}};
      std::vector<float> probabilities(vocab);
      warp(std::span(logits).subspan(row * vocab, vocab), o, history, probabilities);
      out.write(reinterpret_cast<const char*>(probabilities.data()),
                static_cast<std::streamsize>(vocab * sizeof(float)));
    }
    return out.good() ? 0 : 1;
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return exit_code(error.kind());
  }
}
