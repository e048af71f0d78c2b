#include "base/interrupt.hpp"

#include <csignal>

#include "base/error.hpp"

namespace dynexec {
namespace {

constexpr int handled_signals[] = {SIGINT, SIGTERM};
volatile std::sig_atomic_t arrived = 0;

extern "C" void note_signal(int signal) {
  arrived = signal;
  for (const int handled : handled_signals) {
    struct sigaction restore {};
    restore.sa_handler = SIG_DFL;
    sigaction(handled, &restore, nullptr);
  }
}

}  // namespace

void install_interrupt_handler() {
  for (const int handled : handled_signals) {
    struct sigaction present {};
    sigaction(handled, nullptr, &present);
    if (present.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;  // library code that knows nothing of signals keeps its reads and writes
    sigemptyset(&action.sa_mask);
    sigaction(handled, &action, nullptr);
  }
}

bool interrupted() {
  return arrived != 0;
}

void throw_if_interrupted() {
  if (!interrupted()) return;
  throw Error(ErrorKind::interrupted, arrived == SIGTERM ? "stopped by SIGTERM" : "interrupted from the keyboard", "",
              "run the same command again; where it has --resume, that goes on from what was finished");
}

void reset_interrupt() {
  arrived = 0;
  install_interrupt_handler();
}

}  // namespace dynexec
