// A decoder from its weights' source, for any device.
#include "base/error.hpp"
#include "models/decoder_weights.hpp"
#include "models/tensor_weights.hpp"

namespace dynexec {

DecoderWeights::DecoderWeights() = default;
DecoderWeights::~DecoderWeights() = default;

std::string DecoderFormats::name() const {
  std::string name = layers.name();
  if (layers != head) name += ", head " + head.name();
  if (cache == CacheFormat::int8) name += ", kv_cache int8";
  if (device != ComputeDevice::cpu) name += ", device " + compute_device_name(device);
  return name;
}

std::optional<DeviceProblem> format_problem(const DecoderFormats& formats) {
  if (formats.device == ComputeDevice::cpu) return std::nullopt;
  const std::string device = "device " + compute_device_name(formats.device);
  std::vector<WeightFormat> used = formats.layers.all();
  used.push_back(formats.head);
  for (const WeightFormat& format : used)
    if (format.quantised() || format.rounded_inputs)
      return DeviceProblem{device + " computes with weights in fp32, bf16 or fp16, not " + format.name(),
                           "choose one of them, or use device: cpu"};
  if (!formats.layers.exceptions().empty())
    return DeviceProblem{device + " computes with all layers in one format, not " + formats.layers.name(),
                         "choose one format for all matrices, or use device: cpu"};
  if (formats.cache == CacheFormat::int8)
    return DeviceProblem{device + " keeps keys and values in the layers' format, not int8",
                         "leave kv_cache out, or use device: cpu"};
  return device_problem(formats.device);
}

std::shared_ptr<const Decoder> Decoder::build(DecoderConfig config, const WeightSource& source,
                                              const DecoderBuild& build) {
  if (const auto problem = format_problem(build.formats))
    throw Error(ErrorKind::config, problem->what, "", problem->hint);
  const bool kernels = build.formats.device == ComputeDevice::cpu;
  if (build.hooks.observer && !kernels)
    throw Error(ErrorKind::internal, "inputs of matrices can be seen with the own kernels alone", "", "");
  std::shared_ptr<Decoder> decoder(new Decoder());
  DecoderWeights& w = *decoder->weights_;
  w.config = std::move(config);
  w.formats = build.formats;
  DecoderReader reader(w.config, source, build);
  if (kernels)
    w.kernels = std::make_unique<KernelWeights>(w.config, reader, build);
  else
    w.tensors = std::make_unique<TensorWeights>(w.config, reader, build.formats);
  w.parameters = reader.parameters();
  require_used(build.formats.layers, reader.matrices(), build.origin);
  return decoder;
}

Decoder::Decoder() : weights_(std::make_unique<DecoderWeights>()) {}
Decoder::~Decoder() = default;

const DecoderConfig& Decoder::config() const {
  return weights_->config;
}
const DecoderFormats& Decoder::formats() const {
  return weights_->formats;
}
double Decoder::parameters() const {
  return weights_->parameters;
}
double Decoder::weight_bytes() const {
  return weights_->tensors ? weights_->tensors->weight_bytes() : weights_->kernels->weight_bytes();
}
double Decoder::memory_bytes() const {
  return weights_->tensors ? weights_->tensors->memory_bytes() : weights_->kernels->memory_bytes();
}

}  // namespace dynexec
