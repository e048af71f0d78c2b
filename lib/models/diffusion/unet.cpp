#include "models/diffusion/unet.hpp"

#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "base/error.hpp"

namespace dynexec::diffusers {
namespace {

// The ends of the network, whose errors nothing evens out, and what runs once a schedule or a prompt.
const std::vector<std::string> kAlwaysFp32{"conv_in",       "conv_out",   "time_embedding.",
                                           "time_emb_proj", "attn2.to_k", "attn2.to_v"};

void require(bool good, const std::string& what) {
  if (!good) throw Error(ErrorKind::internal, what, "U-Net", "");
}

void check_input(const UNetWeights& weights, const at::Tensor& sample, const TimeTable& times, std::size_t step,
                 const Prompt& prompt) {
  require(sample.dim() == 4 && sample.scalar_type() == at::kFloat && sample.numel() > 0 &&
              sample.size(1) == weights.config.in_channels,
          fmt::format("the sample is no fp32 map of {} channels", weights.config.in_channels));
  require(times.shifts.size() == weights.shifts && step < times.timesteps.size(),
          fmt::format("step {} is not in the table of {} timesteps", step, times.timesteps.size()));
  require(prompt.keys.size() == weights.cross_layers, "the prompt belongs to another network");
  require(prompt.keys.empty() || prompt.rows == sample.size(0),
          fmt::format("{} samples, but {} prompts", sample.size(0), prompt.rows));
}

void require_branch(const UNetWeights& weights, const DeepFeatures& kept) {
  require(kept.branch < weights.skip_connections(),
          fmt::format("branch {} is none of the {} skip connections", kept.branch, weights.skip_connections()));
}

UNetWeights take_all(const ModelFolder& folder, FolderSource& source) {
  const UNetConfig config = parse_unet_config(folder.config(), (folder.path() / "config.json").string());
  UNetWeights weights = take_unet(config, source);
  source.refuse_rest({});
  return weights;
}

[[noreturn]] void refuse_again(const ModelFolder& folder) {
  throw Error(ErrorKind::config, "the folder's weights are quantised already", folder.path().string(),
              "name the folder that it was made from");
}

std::vector<at::Tensor> shifts_at(const TimeTable& times, std::size_t step) {
  std::vector<at::Tensor> shifts;
  shifts.reserve(times.shifts.size());
  for (const at::Tensor& all : times.shifts) shifts.push_back(all.narrow(0, static_cast<std::int64_t>(step), 1));
  return shifts;
}

}  // namespace

Prompt Prompt::part(std::int64_t first, std::int64_t count) const {
  const c10::InferenceMode guard;
  require(first >= 0 && count > 0 && first + count <= rows, fmt::format("the prompt has {} rows", rows));
  Prompt result{.rows = count};
  for (const PromptKeys& layer : keys)
    result.keys.push_back({layer.key.narrow(0, first, count), layer.value.narrow(0, first, count)});
  return result;
}

std::shared_ptr<const UNet> UNet::load(const ModelFolder& folder, LayerPlan::Kind kind,
                                       std::shared_ptr<ActivationRanges> ranges) {
  const LayerPlan::Kind stored = stored_kind(folder);
  const bool quantised = stored != LayerPlan::Kind::fp32;
  if (quantised) {
    if (kind != LayerPlan::Kind::fp32) refuse_again(folder);
    kind = stored;
  }
  FolderSource source(folder,
                      {.kind = kind, .ranges = std::move(ranges), .exceptions = kAlwaysFp32, .stored = quantised});
  UNetWeights weights = take_all(folder, source);
  return std::shared_ptr<const UNet>(new UNet(std::move(weights), source.parameters(), kind));
}

QuantisedLayers quantise_unet(const ModelFolder& folder, LayerPlan::Kind kind,
                              std::shared_ptr<ActivationRanges> ranges) {
  if (stored_kind(folder) != LayerPlan::Kind::fp32) refuse_again(folder);
  const auto made = std::make_shared<QuantisedLayers>();
  FolderSource source(folder, {.kind = kind, .ranges = std::move(ranges), .exceptions = kAlwaysFp32, .made = made});
  (void)take_all(folder, source);
  return std::move(*made);
}

std::shared_ptr<const UNet> UNet::load(const std::filesystem::path& folder, LayerPlan::Kind kind,
                                       std::shared_ptr<ActivationRanges> ranges) {
  return load(ModelFolder::open(folder), kind, std::move(ranges));
}

TimeTable UNet::times(std::span<const double> timesteps) const {
  const c10::InferenceMode guard;
  TimeTable table;
  table.timesteps.assign(timesteps.begin(), timesteps.end());
  const std::vector<float> values(timesteps.begin(), timesteps.end());
  table.shifts = time_shifts(weights_, at::tensor(values), table.cost);
  return table;
}

Prompt UNet::prompt(const at::Tensor& states) const {
  const c10::InferenceMode guard;
  require(states.dim() == 3 && states.size(2) == config().context,
          fmt::format("the states of the prompt are not {} wide", config().context));
  Prompt prompt{.rows = states.size(0)};
  prompt.keys = unet_keys(weights_, states, prompt.cost);
  return prompt;
}

at::Tensor UNet::forward(const at::Tensor& sample, const TimeTable& times, std::size_t step, const Prompt& prompt,
                         Cost& cost) const {
  const c10::InferenceMode guard;
  check_input(weights_, sample, times, step, prompt);
  return unet_forward(weights_, sample, shifts_at(times, step), prompt.keys, cost);
}

at::Tensor UNet::forward_keeping(const at::Tensor& sample, const TimeTable& times, std::size_t step,
                                 const Prompt& prompt, DeepFeatures& kept, Cost& cost) const {
  const c10::InferenceMode guard;
  check_input(weights_, sample, times, step, prompt);
  require_branch(weights_, kept);
  return unet_forward_keeping(weights_, sample, shifts_at(times, step), prompt.keys, kept, cost);
}

at::Tensor UNet::forward_reusing(const at::Tensor& sample, const TimeTable& times, std::size_t step,
                                 const Prompt& prompt, const DeepFeatures& kept, Cost& cost) const {
  const c10::InferenceMode guard;
  check_input(weights_, sample, times, step, prompt);
  require_branch(weights_, kept);
  require(kept.map.defined() && kept.map.size(0) == sample.size(0), "no features were kept for this sample");
  return unet_forward_reusing(weights_, sample, shifts_at(times, step), prompt.keys, kept, cost);
}

}  // namespace dynexec::diffusers
