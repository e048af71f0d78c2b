#include "models/compute_device.hpp"

#include <ATen/Context.h>

#include <algorithm>

#include "base/known_name.hpp"

namespace dynexec {

const std::vector<std::string>& compute_device_names() {
  static const std::vector<std::string> names{"cpu", "libtorch", "cuda"};
  return names;
}

std::string compute_device_name(ComputeDevice device) {
  return compute_device_names()[static_cast<std::size_t>(device)];
}

ComputeDevice compute_device(const std::string& name) {
  const std::vector<std::string>& names = compute_device_names();
  require_known_name(name, names, "no device '" + name + "'", "device");
  return static_cast<ComputeDevice>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::optional<DeviceProblem> device_problem(ComputeDevice device) {
  if (device != ComputeDevice::cuda || at::hasCUDA()) return std::nullopt;
  if (!at::globalContext().hasCUDART())
    return DeviceProblem{"device cuda cannot be used: this LibTorch has no CUDA",
                         "install torch with CUDA in .venv and build again, or use device: cpu"};
  return DeviceProblem{"device cuda cannot be used: LibTorch finds no GPU",
                       "look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use device: cpu"};
}

}  // namespace dynexec
