// LibTorch's operators on a device: their queue, device time and graphs. Private to the models room.
//
// Only what LibTorch offers for every device is used, so that this builds where it has no CUDA.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <functional>
#include <optional>

#include "models/compute_device.hpp"

namespace dynexec {

// On a GPU one stream for the whole process, not the default one: graphs can be captured on it, and all sessions share
// its workspaces. On the processor operators run at once.
class DeviceQueue {
 public:
  // Error(config) where the device cannot be used. On a GPU fp32 products are made in fp32 (no TF32) from then on.
  explicit DeviceQueue(ComputeDevice device);

  c10::Device device() const { return device_; }
  bool asynchronous() const { return stream_.has_value(); }
  const std::optional<c10::Stream>& stream() const { return stream_; }

  // Calls f with the operators of this thread in the queue and without gradients.
  // Error(io) when the device's memory does not suffice.
  void run(const std::function<void()>& f) const;
  // Waits until everything in the queue is done.
  void synchronise() const;

 private:
  c10::Device device_;
  std::optional<c10::Stream> stream_;
};

// Time that a device takes between two points of its queue, by its own clock.
class DeviceTimer {
 public:
  explicit DeviceTimer(const DeviceQueue& queue);

  void start();
  void stop();
  // Between them, once both are passed: waits for the second. NaN on the processor, where nothing is queued.
  double ms() const;

 private:
  std::optional<c10::Stream> stream_;
  std::optional<c10::Event> begin_, end_;
};

}  // namespace dynexec
