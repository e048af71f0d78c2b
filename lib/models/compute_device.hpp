// Where a network computes, by name.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace dynexec {

// cpu: the own kernels. cuda: LibTorch's operators on an NVIDIA GPU. libtorch: the code of the device path on the
// processor, for tests and comparisons.
enum class ComputeDevice { cpu, libtorch, cuda };

const std::vector<std::string>& compute_device_names();  // "cpu", "libtorch", "cuda"
std::string compute_device_name(ComputeDevice device);
// Error(usage) for other names.
ComputeDevice compute_device(const std::string& name);

// Why something cannot be computed, and what to do about it; both fit into an Error.
struct DeviceProblem {
  std::string what, hint;
};
// nullopt: the device can be used here.
std::optional<DeviceProblem> device_problem(ComputeDevice device);

}  // namespace dynexec
