// Passes of fixed shapes as graphs of a device. Private to the models room.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "models/device_queue.hpp"

namespace dynexec {

// A graph replays the very kernels that its capture saw, on the same memory: a pass must read what changes from tensors
// that stay where they are, leave its results in such tensors, and not ask the device for a value.
class DeviceGraphs {
 public:
  // Everything that decides which operators a pass runs on which memory.
  using Shape = std::array<std::int64_t, 6>;

  explicit DeviceGraphs(const DeviceQueue& queue);
  ~DeviceGraphs();
  DeviceGraphs(const DeviceGraphs&) = delete;
  DeviceGraphs& operator=(const DeviceGraphs&) = delete;

  // Runs the pass, inside DeviceQueue::run: operator by operator the first time that its shape is seen, which sets up
  // what libraries need; captured and replayed the second time; replayed from then on. Without graphs (on the
  // processor, or in a LibTorch that has none for the device) always operator by operator.
  void run(const Shape& shape, const std::function<void()>& pass);

 private:
  struct State;
  std::unique_ptr<State> state_;  // null: there are no graphs
};

}  // namespace dynexec
