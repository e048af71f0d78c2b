#include "kernels/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.hpp"

namespace dynexec {
namespace {

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Long enough to bridge the serial steps between two products, short enough to cost nothing when another
// process wants the core.
constexpr std::chrono::microseconds kSpin{20};

// Waits until `ready()` or until kSpin has passed; returns the last ready().
template <class Ready>
bool spin_until(Ready ready) {
  for (int i = 0; i < 64; ++i) {
    if (ready()) return true;
    pause_briefly();
  }
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

constexpr int kChunksPerThread = 8;

// A thread's share of a job as one word: generation, next chunk, number of chunks. A chunk is claimed by
// raising the middle part; a claim against an older generation fails, so late workers can never touch a
// finished job.
constexpr std::uint64_t share_word(std::uint32_t generation, std::uint32_t next, std::uint32_t chunks) {
  return (static_cast<std::uint64_t>(generation) << 32) | (next << 16) | chunks;
}

}  // namespace

// The share of a thread that is held up (a busy core) is finished by the others: chunks are claimed, first
// from one's own share, then from the rest.
struct ThreadPool::State {
  struct alignas(64) Share {
    std::atomic<std::uint64_t> word{0};
    std::int64_t first_unit = 0, units = 0;
  };

  explicit State(int threads) : shares(static_cast<std::size_t>(threads)) {}

  void work(std::uint32_t job, int thread);
  bool claim(Share& share, std::uint32_t job, std::uint32_t* chunk, std::uint32_t* chunks);
  void run_worker(int thread);

  std::vector<Share> shares;
  std::vector<std::thread> workers;
  alignas(64) std::atomic<std::uint32_t> generation{0};
  alignas(64) std::atomic<std::uint32_t> open_chunks{0};
  std::atomic<bool> stop{false};
  // The job; written only while no chunk is open.
  alignas(64) const RangeFunction* function = nullptr;
  std::int64_t count = 0, grain = 1;
};

bool ThreadPool::State::claim(Share& share, std::uint32_t job, std::uint32_t* chunk, std::uint32_t* chunks) {
  std::uint64_t word = share.word.load(std::memory_order_acquire);
  while (static_cast<std::uint32_t>(word >> 32) == job) {
    *chunk = static_cast<std::uint32_t>(word >> 16) & 0xffff;
    *chunks = static_cast<std::uint32_t>(word) & 0xffff;
    if (*chunk >= *chunks) return false;
    if (share.word.compare_exchange_weak(word, share_word(job, *chunk + 1, *chunks), std::memory_order_acq_rel)) {
      return true;
    }
  }
  return false;
}

void ThreadPool::State::work(std::uint32_t job, int thread) {
  const int threads = static_cast<int>(shares.size());
  for (int i = 0; i < threads; ++i) {
    Share& share = shares[static_cast<std::size_t>((thread + i) % threads)];
    std::uint32_t chunk = 0, chunks = 0;
    while (claim(share, job, &chunk, &chunks)) {
      const std::int64_t begin = share.first_unit + share.units * chunk / chunks;
      const std::int64_t end = share.first_unit + share.units * (chunk + 1) / chunks;
      (*function)(begin * grain, std::min(end * grain, count), thread);
      if (open_chunks.fetch_sub(1, std::memory_order_acq_rel) == 1) open_chunks.notify_one();
    }
  }
}

void ThreadPool::State::run_worker(int thread) {
  std::uint32_t seen = 0;
  while (true) {
    const auto changed = [&] { return generation.load(std::memory_order_acquire) != seen; };
    if (!spin_until(changed)) generation.wait(seen, std::memory_order_acquire);
    seen = generation.load(std::memory_order_acquire);
    if (stop.load(std::memory_order_acquire)) return;
    work(seen, thread);
  }
}

ThreadPool::ThreadPool(int threads) {
  if (threads < 1 || threads > 1024) {
    throw Error(ErrorKind::usage, "a pool of " + std::to_string(threads) + " threads was asked for", "",
                "use between 1 and 1024 threads");
  }
  state_ = std::make_unique<State>(threads);
  for (int t = 1; t < threads; ++t) {
    state_->workers.emplace_back([state = state_.get(), t] { state->run_worker(t); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_release);
  state_->generation.fetch_add(1, std::memory_order_acq_rel);
  state_->generation.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const {
  return static_cast<int>(state_->shares.size());
}

void ThreadPool::split(std::int64_t count, std::int64_t grain, RangeFunction f) {
  if (count <= 0) return;
  State& s = *state_;
  const std::int64_t units = (count + grain - 1) / grain;
  const std::int64_t parts = std::min<std::int64_t>(threads(), units);
  if (parts == 1) {
    f(0, count, 0);
    return;
  }
  const std::uint32_t job = s.generation.load(std::memory_order_relaxed) + 1;
  s.function = &f;
  s.count = count;
  s.grain = grain;
  std::uint32_t open = 0;
  for (std::int64_t t = 0; t < parts; ++t) {
    State::Share& share = s.shares[static_cast<std::size_t>(t)];
    share.first_unit = units * t / parts;
    share.units = units * (t + 1) / parts - share.first_unit;
    open += static_cast<std::uint32_t>(std::min<std::int64_t>(share.units, kChunksPerThread));
  }
  s.open_chunks.store(open, std::memory_order_relaxed);
  for (std::int64_t t = 0; t < parts; ++t) {
    State::Share& share = s.shares[static_cast<std::size_t>(t)];
    const auto chunks = static_cast<std::uint32_t>(std::min<std::int64_t>(share.units, kChunksPerThread));
    share.word.store(share_word(job, 0, chunks), std::memory_order_release);
  }
  s.generation.store(job, std::memory_order_seq_cst);  // before the look at who sleeps
  s.generation.notify_all();
  s.work(job, 0);
  const auto done = [&] { return s.open_chunks.load(std::memory_order_acquire) == 0; };
  while (!spin_until(done)) {
    const std::uint32_t left = s.open_chunks.load(std::memory_order_acquire);
    if (left != 0) s.open_chunks.wait(left, std::memory_order_acquire);
  }
}

}  // namespace dynexec
