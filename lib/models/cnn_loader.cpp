#include "models/cnn_loader.hpp"

#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "kernels/conv2d.hpp"

namespace dynexec {
namespace {

constexpr double kNormEps = 1e-5;

std::vector<std::int64_t> lengths(const ConvShape& shape) {
  return {shape.out_channels, shape.in_channels, shape.kernel, shape.kernel};
}

}  // namespace

std::vector<float> CnnLoader::read(const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorView view = folder_.require(name, shape);
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  parameters_ += static_cast<double>(values.size());
  return values;
}

std::vector<float> CnnLoader::statistic(const std::string& name, std::int64_t size) {
  const double before = parameters_;
  std::vector<float> values = read(name, {size});
  parameters_ = before;
  return values;
}

std::vector<float> CnnLoader::weight(const ConvShape& shape, const std::string& name,
                                     const std::vector<double>& factors) {
  std::vector<float> weight = read(name, lengths(shape));
  const std::size_t each = weight.size() / factors.size();
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight[i] = static_cast<float>(static_cast<double>(weight[i]) * factors[i / each]);
  return weight;
}

ByteKernel CnnLoader::kernel(const ConvShape& shape, const std::string& name, const std::vector<double>& factors) {
  if (stored_) {
    ByteKernel kernel = read_kernel(folder_, name, lengths(shape));
    parameters_ += static_cast<double>(kernel.codes.size());
    return kernel;
  }
  ByteKernel kernel = round_kernel(weight(shape, name, factors), shape.out_channels);
  if (kernels_) kernels_->push_back({folder_.find(name)->name, lengths(shape), kernel});
  return kernel;
}

std::unique_ptr<Convolution> CnnLoader::conv_norm(const ConvShape& shape, const std::string& conv,
                                                  const std::string& norm, float in_scale) {
  const auto out = static_cast<std::size_t>(shape.out_channels);
  std::vector<float> bias(out, 0.0f);
  if (has(conv + ".bias")) bias = read(conv + ".bias", {shape.out_channels});
  const std::vector<float> gain = read(norm + ".weight", {shape.out_channels}),
                           beta = read(norm + ".bias", {shape.out_channels}),
                           mean = statistic(norm + ".running_mean", shape.out_channels),
                           variance = statistic(norm + ".running_var", shape.out_channels);
  std::vector<double> factors(out);
  for (std::size_t o = 0; o < out; ++o) {
    if (variance[o] < 0)
      throw Error(ErrorKind::model, "a variance is negative", norm + ".running_var", "the checkpoint is damaged");
    factors[o] = static_cast<double>(gain[o]) / std::sqrt(static_cast<double>(variance[o]) + kNormEps);
    bias[o] = static_cast<float>(static_cast<double>(beta[o]) +
                                 (static_cast<double>(bias[o]) - static_cast<double>(mean[o])) * factors[o]);
  }
  const std::string name = conv + ".weight";
  if (in_scale > 0 && ByteConv2d::fits(shape))
    return std::make_unique<ByteConv2d>(shape, kernel(shape, name, factors), bias, in_scale);
  return std::make_unique<Conv2d>(shape, weight(shape, name, factors), bias);
}

std::unique_ptr<Linear> CnnLoader::linear(const std::string& name, std::int64_t in, std::int64_t out,
                                          Activation activation) {
  std::vector<float> weight = read(name + ".weight", {out, in});
  return make_linear_fp32(std::move(weight), read(name + ".bias", {out}), in, out, activation);
}

std::unique_ptr<Linear> CnnLoader::after_map(const std::string& name, std::int64_t channels, std::int64_t size,
                                             std::int64_t out, Activation activation) {
  const std::int64_t area = size * size, in = channels * area;
  const std::optional<TensorView> found = folder_.find(name + ".weight");
  // timm stores it as a convolution over the whole map.
  const bool as_map = found && found->shape.size() == 4;
  const std::vector<float> source =
      as_map ? read(name + ".weight", {out, channels, size, size}) : read(name + ".weight", {out, in});
  std::vector<float> weight(source.size());
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < area; ++p)
        weight[static_cast<std::size_t>(o * in + p * channels + c)] =
            source[static_cast<std::size_t>(o * in + c * area + p)];
  return make_linear_fp32(std::move(weight), read(name + ".bias", {out}), in, out, activation);
}

}  // namespace dynexec
