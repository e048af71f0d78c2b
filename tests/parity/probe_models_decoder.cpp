// Runs the commands on standard input against a model folder and appends the logits (raw fp32) to a file:
//   forward ROWS ID...      early EXIT ROWS ID...      rest EXIT ROWS      truncate LENGTH      greedy COUNT ID...
//   branch NAME             threads COUNT
// greedy prints its tokens. Usage: probe_models_decoder FOLDER LOGITS CAPACITY DEVICE, or: probe_models_decoder
// branches
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"
#include "models/decoder.hpp"
#include "models/sampling.hpp"

namespace {

using namespace dynexec;

void write_logits(std::ofstream& out, std::span<const float> logits) {
  out.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size_bytes()));
}

void run_line(DecoderSession& session, const std::string& line, std::ofstream& out) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "branch") {
    std::string name;
    words >> name;
    return select_kernel_branch(name);
  }
  std::int64_t first = 0, second = 0;
  words >> first;
  if (command == "early" || command == "rest") words >> second;
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; words >> id;) ids.push_back(id);
  if (command == "forward") {
    write_logits(out, session.forward(ids, first));
  } else if (command == "early") {
    write_logits(out, session.forward_early(ids, first, second));
  } else if (command == "rest") {
    write_logits(out, session.forward_rest(first, second));
  } else if (command == "threads") {
    set_compute_threads(static_cast<int>(first));
  } else if (command == "truncate") {
    session.truncate(first);
  } else if (command == "greedy") {
    std::int32_t token = argmax(session.forward(ids, 1));
    for (std::int64_t i = 0; i < first; ++i) {
      std::printf("%d ", token);
      if (i + 1 < first) token = argmax(session.forward({&token, 1}, 1));
    }
    std::printf("\n");
  } else {
    throw Error(ErrorKind::usage, "unknown command '" + command + "'", "", "see the head of this file");
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string(argv[1]) == "branches") {
      for (const std::string& name : kernel_branches()) std::printf("%s\n", name.c_str());
      return 0;
    }
    if (argc != 5) throw Error(ErrorKind::usage, "four arguments are needed", "", "FOLDER LOGITS CAPACITY DEVICE");
    const DecoderFormats formats{.layers = {}, .head = {}, .cache = {}, .device = compute_device(argv[4])};
    DecoderSession session(Decoder::load(std::filesystem::path(argv[1]), formats), std::stoll(argv[3]));
    std::ofstream out(argv[2], std::ios::binary);
    for (std::string line; std::getline(std::cin, line);) run_line(session, line, out);
    return out.good() ? 0 : 1;
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return exit_code(error.kind());
  }
}
