// Memory of tensors used again: the steps of a sampler, the layers of a network ask for the same sizes over and over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace dynexec {

// Keeps what tensors free while one of its scopes is open on their thread, for tensors of the same size that the thread
// makes in this scope and later ones. For one thread at a time. The first one made puts its allocator before
// LibTorch's.
class TensorMemory {
 public:
  TensorMemory();
  ~TensorMemory();  // what is kept goes back to the system; tensors that are alive keep theirs
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  class Scope {
   public:
    explicit Scope(TensorMemory& memory);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    TensorMemory* before_;
  };

  // Blocks that came from the system, and those that were used again.
  std::int64_t fresh() const { return fresh_; }
  std::int64_t reused() const { return reused_; }

 private:
  friend class TensorAllocator;
  // Null: none of this size is kept.
  void* take(std::size_t bytes);
  void keep(void* block, std::size_t bytes);

  std::unordered_map<std::size_t, std::vector<void*>> kept_;  // by size
  std::int64_t fresh_ = 0, reused_ = 0;
};

}  // namespace dynexec
