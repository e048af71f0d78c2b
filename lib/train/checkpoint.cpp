#include "train/checkpoint.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "weights/safetensors.hpp"

namespace dynexec {
namespace {

std::int64_t whole(const std::map<std::string, std::string>& metadata, const std::string& key,
                   const std::filesystem::path& path) {
  const auto found = metadata.find(key);
  try {
    if (found != metadata.end()) return std::stoll(found->second);
  } catch (const std::logic_error&) {
  }
  throw Error(ErrorKind::model, "the checkpoint has no usable " + key, path.string(),
              "delete it to start the training anew");
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const NamedTensors& tensors, const CheckpointState& state) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const auto bytes = static_cast<std::size_t>(tensor.numel()) * sizeof(float);
    views.push_back(
        {name, DType::f32, tensor.sizes().vec(), {static_cast<const std::byte*>(tensor.const_data_ptr()), bytes}});
  }
  write_safetensors(path, views,
                    {{"step", std::to_string(state.step)},
                     {"tokens", std::to_string(state.tokens)},
                     {"milliseconds", std::to_string(static_cast<std::int64_t>(state.seconds * 1e3))},
                     {"micro_loss", std::to_string(static_cast<std::int64_t>(state.smooth_loss * 1e6))},
                     {"pool", std::to_string(state.stream.pool)},
                     {"pool_step", std::to_string(state.stream.pool_step)},
                     {"batch", std::to_string(state.stream.batch)},
                     {"fingerprint", state.fingerprint}});
}

std::optional<CheckpointState> load_checkpoint(const std::filesystem::path& path, const NamedTensors& tensors,
                                               const std::string& fingerprint) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const auto file = SafetensorsFile::open(path);
  const auto& metadata = file->metadata();
  const auto print = metadata.find("fingerprint");
  if (print == metadata.end() || print->second != fingerprint) {
    throw Error(ErrorKind::config, "the checkpoint belongs to a run with other settings", path.string(),
                "restore the config, choose another work folder, or delete the checkpoint to start anew");
  }
  const c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors) {
    const auto found = file->tensors().find(name);
    if (found == file->tensors().end() || found->second.shape != tensor.sizes().vec()) {
      throw Error(ErrorKind::model, "the checkpoint lacks a tensor of the right shape", path.string() + ": " + name,
                  "delete it to start the training anew");
    }
    copy_as_f32(found->second,
                {static_cast<float*>(tensor.mutable_data_ptr()), static_cast<std::size_t>(tensor.numel())});
  }
  CheckpointState state;
  state.step = whole(metadata, "step", path);
  state.tokens = whole(metadata, "tokens", path);
  state.seconds = static_cast<double>(whole(metadata, "milliseconds", path)) / 1e3;
  // Checkpoints of older versions do not have it.
  if (metadata.contains("micro_loss"))
    state.smooth_loss = static_cast<double>(whole(metadata, "micro_loss", path)) / 1e6;
  state.stream = {whole(metadata, "pool", path), whole(metadata, "pool_step", path), whole(metadata, "batch", path)};
  state.fingerprint = fingerprint;
  return state;
}

}  // namespace dynexec
