// A fixed pool of worker threads that splits an index range; waits briefly, then sleeps (never spins
// unbounded).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace dynexec {

// Non-owning reference to a callable void(begin, end, thread); no allocation.
class RangeFunction {
 public:
  template <class F>
  RangeFunction(const F& f)  // NOLINT(google-explicit-constructor): call sites pass lambdas
      : object_(&f), call_([](const void* object, std::int64_t begin, std::int64_t end, int thread) {
          (*static_cast<const F*>(object))(begin, end, thread);
        }) {}
  void operator()(std::int64_t begin, std::int64_t end, int thread) const { call_(object_, begin, end, thread); }

 private:
  const void* object_;
  void (*call_)(const void*, std::int64_t, std::int64_t, int);
};

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // threads >= 1, the caller counts as one
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  // Calls f on disjoint ranges that cover [0, count), each but the last a multiple of `grain`. Runs inline
  // when one thread suffices. Not re-entrant. f must not throw.
  void split(std::int64_t count, std::int64_t grain, RangeFunction f);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The pool that the engine's kernels use; one thread until set_compute_threads is called. set_compute_threads
// also sets LibTorch's intra-op threads. Neither may be called while kernels run.
ThreadPool& compute_pool();
void set_compute_threads(int threads);

}  // namespace dynexec
