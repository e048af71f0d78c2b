#include "kernels/tensor_memory.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstring>
#include <utility>

namespace dynexec {
namespace {

// Before the data of a block, as far as it is aligned: its size.
constexpr std::size_t kHead = 64;

thread_local TensorMemory* open = nullptr;

}  // namespace

class TensorAllocator final : public at::Allocator {
 public:
  at::DataPtr allocate(std::size_t bytes) override {
    void* data = bytes == 0 ? nullptr : new_data(bytes);
    return {data, data, &release, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static void* new_data(std::size_t bytes) {
    void* block = open ? open->take(bytes) : nullptr;
    if (!block) {
      block = c10::alloc_cpu(bytes + kHead);
      std::memcpy(block, &bytes, sizeof bytes);
    }
    return static_cast<char*>(block) + kHead;
  }

  static void release(void* data) {
    if (!data) return;
    void* block = static_cast<char*>(data) - kHead;
    std::size_t bytes = 0;
    std::memcpy(&bytes, block, sizeof bytes);
    open ? open->keep(block, bytes) : c10::free_cpu(block);
  }
};

TensorMemory::TensorMemory() {
  static const bool in_place = [] {
    static auto* allocator = new TensorAllocator;  // tensors may outlive everything that is destroyed at the end
    c10::SetCPUAllocator(allocator, 1);
    return true;
  }();
  (void)in_place;
}

TensorMemory::~TensorMemory() {
  for (const auto& [bytes, blocks] : kept_)
    for (void* block : blocks) c10::free_cpu(block);
}

void* TensorMemory::take(std::size_t bytes) {
  const auto found = kept_.find(bytes);
  if (found == kept_.end() || found->second.empty()) {
    ++fresh_;
    return nullptr;
  }
  ++reused_;
  void* block = found->second.back();
  found->second.pop_back();
  return block;
}

void TensorMemory::keep(void* block, std::size_t bytes) {
  kept_[bytes].push_back(block);
}

TensorMemory::Scope::Scope(TensorMemory& memory) : before_(std::exchange(open, &memory)) {}
TensorMemory::Scope::~Scope() {
  open = before_;
}

}  // namespace dynexec
