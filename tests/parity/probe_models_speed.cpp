// Times decoding on request, so that a script can interleave it with other engines. Commands on standard
// input, one line of answer each:
//   threads N                     -> ok
//   decode COUNT ID...            -> seconds for COUNT greedy tokens after the prompt, then the tokens
//   rows M COUNT                  -> seconds of COUNT passes of M rows behind the present context, best
//                                    single pass
//   bytes                         -> bytes of weights that decoding one token reads
//   bandwidth                     -> bytes per second of reading 512 MiB
// Usage: probe_models_speed FOLDER CAPACITY [FORMAT [DEVICE]]
// FORMAT is that of the layers and the head; DEVICE as in configs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "kernels/aligned.hpp"
#include "kernels/branch.hpp"
#include "kernels/thread_pool.hpp"
#include "models/decoder.hpp"
#include "models/sampling.hpp"

namespace {

using namespace dynexec;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void decode(DecoderSession& session, std::istringstream& words) {
  std::size_t count = 0;
  words >> count;
  std::vector<std::int32_t> prompt, tokens;
  for (std::int32_t id = 0; words >> id;) prompt.push_back(id);
  session.truncate(0);
  std::int32_t token = argmax(session.forward(prompt, 1));
  const auto start = std::chrono::steady_clock::now();
  while (tokens.size() < count) {
    tokens.push_back(token);
    token = argmax(session.forward({&token, 1}, 1));
  }
  std::printf("%.9f", seconds_since(start));
  for (const std::int32_t id : tokens) std::printf(" %d", id);
  std::printf("\n");
}

void rows(DecoderSession& session, std::istringstream& words) {
  std::int64_t count = 0, passes = 0;
  words >> count >> passes;
  const std::vector<std::int32_t> tokens(static_cast<std::size_t>(count), 1);
  const std::int64_t length = session.length();
  double total = 0, best = 1e300;
  for (std::int64_t i = 0; i < passes; ++i) {
    const auto start = std::chrono::steady_clock::now();
    session.forward(tokens, count);
    const double seconds = seconds_since(start);
    session.truncate(length);
    total += seconds;
    best = std::min(best, seconds);
  }
  std::printf("%.9f %.9f\n", total, best);
}

void bandwidth() {
  static const AlignedFloats block(std::int64_t{128} << 20);
  double best = 1e300;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    compute_pool().split(block.size(), 1 << 16, [&](std::int64_t begin, std::int64_t end, int) {
      volatile float sink = kernel_branch().maximum(block.data() + begin, end - begin);
      (void)sink;
    });
    best = std::min(best, seconds_since(start));
  }
  std::printf("%.6e\n", static_cast<double>(block.size()) * sizeof(float) / best);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) return 2;
  try {
    const WeightFormat format = weight_format(argc > 3 ? argv[3] : "fp32");
    const DecoderFormats formats{
        .layers = format, .head = format, .cache = {}, .device = compute_device(argc > 4 ? argv[4] : "cpu")};
    DecoderSession session(Decoder::load(std::filesystem::path(argv[1]), formats), std::stoll(argv[2]));
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line);
      std::string command;
      words >> command;
      if (command == "threads") {
        int threads = 1;
        words >> threads;
        set_compute_threads(threads);
        std::printf("ok\n");
      } else if (command == "decode") {
        decode(session, words);
      } else if (command == "rows") {
        rows(session, words);
      } else if (command == "bytes") {
        std::printf("%.0f\n", session.decoder().weight_bytes());
      } else {
        bandwidth();
      }
      std::fflush(stdout);
    }
    return 0;
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return exit_code(error.kind());
  }
}
