#include "models/device_queue.hpp"

#include <ATen/Context.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <limits>

#include "base/error.hpp"

namespace dynexec {
namespace {

c10::Stream shared_stream() {
  static const c10::Stream stream = [] {
    const c10::impl::VirtualGuardImpl devices(c10::DeviceType::CUDA);
    return devices.getStreamFromGlobalPool(devices.getDevice());
  }();
  return stream;
}

}  // namespace

DeviceQueue::DeviceQueue(ComputeDevice device) : device_(c10::DeviceType::CPU) {
  if (const auto problem = device_problem(device)) throw Error(ErrorKind::config, problem->what, "", problem->hint);
  if (device != ComputeDevice::cuda) return;
  at::globalContext().setAllowTF32CuBLAS(false);
  stream_ = shared_stream();
  device_ = stream_->device();
}

void DeviceQueue::run(const std::function<void()>& f) const {
  const c10::InferenceMode inference;
  const c10::OptionalStreamGuard queue(stream_);
  try {
    f();
  } catch (const c10::OutOfMemoryError&) {
    throw Error(ErrorKind::io, "the GPU has too little free memory", "",
                "use a smaller model or context, weights: bf16, or device: cpu");
  }
}

void DeviceQueue::synchronise() const {
  if (stream_) stream_->synchronize();
}

DeviceTimer::DeviceTimer(const DeviceQueue& queue) : stream_(queue.stream()) {
  if (!stream_) return;
  // The flag is the one that lets events keep their time.
  begin_.emplace(stream_->device_type(), c10::EventFlag::BACKEND_DEFAULT);
  end_.emplace(stream_->device_type(), c10::EventFlag::BACKEND_DEFAULT);
}

void DeviceTimer::start() {
  if (begin_) begin_->record(*stream_);
}

void DeviceTimer::stop() {
  if (end_) end_->record(*stream_);
}

double DeviceTimer::ms() const {
  if (!end_) return std::numeric_limits<double>::quiet_NaN();
  end_->synchronize();
  return begin_->elapsedTime(*end_);
}

}  // namespace dynexec
