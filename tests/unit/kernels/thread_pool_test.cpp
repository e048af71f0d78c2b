#include "kernels/thread_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "kernels/aligned.hpp"

using namespace dynexec;

TEST_CASE("every index is visited exactly once, in ranges of the grain") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::int64_t count : {0, 1, 2, 7, 64, 100, 1000}) {
      for (const std::int64_t grain : {1, 3, 16, 2000}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        std::atomic<int> wrong{0};
        pool.split(count, grain, [&](std::int64_t begin, std::int64_t end, int thread) {
          if (begin % grain != 0 || (end % grain != 0 && end != count) || thread < 0 || thread >= threads) ++wrong;
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        CHECK(wrong == 0);
        for (const std::atomic<int>& n : visits) CHECK(n == 1);
      }
    }
  }
}

TEST_CASE("many short jobs see the results of the jobs before, whoever computed them") {
  ThreadPool pool(3);
  std::vector<std::int64_t> even(97, 0), odd(97, 0);
  for (int job = 0; job < 20000; ++job) {
    const std::vector<std::int64_t>& from = job % 2 == 0 ? even : odd;
    std::vector<std::int64_t>& to = job % 2 == 0 ? odd : even;
    pool.split(97, 8, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        to[static_cast<std::size_t>(i)] = from[static_cast<std::size_t>(96 - i)] + 1;
      }
    });
  }
  for (const std::int64_t v : even) CHECK(v == 20000);
}

TEST_CASE("jobs after a pause wake the sleeping workers' pool without loss") {
  ThreadPool pool(4);
  for (int job = 0; job < 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<std::int64_t> sum{0};
    pool.split(1000, 10, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) sum += i;
    });
    CHECK(sum == 499500);
  }
}

TEST_CASE("a worker that is held up does not hold up the rest") {
  ThreadPool pool(2);
  std::atomic<bool> started{false};
  std::atomic<std::int64_t> done_by_others{0};
  // Whoever starts first waits in its first range until the other one has finished all other ranges.
  pool.split(16, 1, [&](std::int64_t begin, std::int64_t end, int) {
    if (started.exchange(true)) {
      done_by_others += end - begin;
      return;
    }
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (done_by_others.load() < 16 - (end - begin) && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(done_by_others.load() == 16 - (end - begin));
  });
}

TEST_CASE("pools of impossible sizes are refused") {
  CHECK_THROWS_AS(ThreadPool(0), Error);
  CHECK_THROWS_AS(ThreadPool(-3), Error);
  CHECK_THROWS_AS(ThreadPool(100000), Error);
}

TEST_CASE("aligned memory is aligned, zero, movable, and refuses the impossible") {
  for (const std::int64_t count : {1, 100, 5'000'000}) {
    for (const bool clustered : {false, true}) {
      AlignedFloats memory = clustered ? AlignedFloats::clustered(count) : AlignedFloats(count);
      CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % 64 == 0);
      CHECK(memory.size() == count);
      CHECK(memory[0] == 0);
      CHECK(memory[count - 1] == 0);
      memory[count - 1] = 5;
      AlignedFloats moved(std::move(memory));
      CHECK(moved[count - 1] == 5);
      CHECK(memory.size() == 0);
    }
  }
  CHECK(AlignedFloats(0).size() == 0);
  CHECK(AlignedFloats::clustered(0).size() == 0);
  CHECK_THROWS_AS(AlignedFloats::clustered(std::int64_t{1} << 50), Error);
  CHECK_THROWS_AS(AlignedFloats(std::int64_t{1} << 61), Error);
  CHECK_THROWS_AS(AlignedFloats(std::int64_t{1} << 50), Error);
}

TEST_CASE("clustered blocks do not overlap and live as long as they are held") {
  std::vector<AlignedFloats> blocks;
  for (int round = 0; round < 300; ++round) {
    blocks.push_back(AlignedFloats::clustered(100'000 + round));
    AlignedFloats& block = blocks.back();
    CHECK(block[0] == 0);
    for (std::int64_t i = 0; i < block.size(); i += 64) block[i] = static_cast<float>(round);
    if (round % 3 == 0) blocks.erase(blocks.begin());
  }
  for (std::size_t b = 1; b < blocks.size(); ++b) {
    bool kept = true;
    for (std::int64_t i = 0; i < blocks[b].size(); i += 64) kept = kept && blocks[b][i] == blocks[b][0];
    CHECK(kept);
    CHECK(blocks[b][0] == blocks[b - 1][0] + 1);
  }
}
