#include "base/interrupt.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/error.hpp"
#include "temp_folder.hpp"

namespace {

// Runs `action` in a child process and returns waitpid's status.
template <class Action>
int status_of(Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    action();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("the first signal sets the flag and becomes an error with exit code 130") {
  for (const int signal : {SIGINT, SIGTERM}) {
    dynexec::reset_interrupt();
    CHECK_FALSE(dynexec::interrupted());
    dynexec::throw_if_interrupted();
    REQUIRE(std::raise(signal) == 0);
    CHECK(dynexec::interrupted());
    const auto error = dynexec_test::error_of<dynexec::Error>([] { dynexec::throw_if_interrupted(); });
    CHECK(dynexec::exit_code(error.kind()) == 130);
    CHECK(error.hint().find("--resume") != std::string::npos);
  }
  dynexec::reset_interrupt();
}

TEST_CASE("the second signal kills, whichever came first") {
  for (const int second : {SIGINT, SIGTERM}) {
    const int status = status_of([&] {
      dynexec::install_interrupt_handler();
      std::raise(SIGINT);
      std::raise(second);
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == second);
  }
}

TEST_CASE("a signal that was ignored at the start stays ignored") {
  const int status = status_of([] {
    std::signal(SIGINT, SIG_IGN);
    dynexec::install_interrupt_handler();
    std::raise(SIGINT);
    ::_exit(dynexec::interrupted() ? 1 : 7);
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}
