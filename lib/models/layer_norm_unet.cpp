#include "models/layer_norm_unet.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "models/json_fields.hpp"

namespace dynexec {
namespace {

constexpr double kNormEps = 1e-5;
constexpr int kBlocks = 3;  // a level

// The weights, checked, by the names of the checkpoint.
class Weights {
 public:
  explicit Weights(const ModelFolder& folder) : folder_(folder) {}

  at::Tensor read(const std::string& name, const std::vector<std::int64_t>& shape) {
    const TensorView view = folder_.require("network." + name, shape);
    at::Tensor tensor = at::empty(shape, at::kFloat);
    copy_as_f32(view, std::span(tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(view.elements())));
    bytes_ += static_cast<double>(tensor.nbytes());
    return tensor;
  }
  double bytes() const { return bytes_; }

 private:
  const ModelFolder& folder_;
  double bytes_ = 0;
};

struct Convolution {
  at::Tensor weight, bias;
  std::int64_t stride = 1, padding = 1;
  bool transposed = false;

  Convolution() = default;
  Convolution(Weights& weights, const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel,
              std::int64_t step, std::int64_t margin, bool up = false)
      : weight(weights.read(name + ".weight",
                            up ? std::vector{in, out, kernel, kernel} : std::vector{out, in, kernel, kernel})),
        bias(weights.read(name + ".bias", {out})),
        stride(step),
        padding(margin),
        transposed(up) {}

  at::Tensor operator()(const at::Tensor& x, double& macs) const {
    at::Tensor y = transposed ? at::conv_transpose2d(x, weight, bias, stride, padding)
                              : at::conv2d(x, weight, bias, stride, padding);
    // A transposed convolution multiplies at each input pixel, a plain one at each output pixel.
    const at::Tensor& places = transposed ? x : y;
    macs += static_cast<double>(places.size(2) * places.size(3)) * static_cast<double>(weight.numel());
    return y;
  }
};

struct Block {
  at::Tensor gain, offset;
  Convolution first, second;

  Block(Weights& weights, const std::string& name, std::int64_t in, std::int64_t out, std::int64_t size)
      : gain(weights.read(name + ".ln.weight", {in, size, size})),
        offset(weights.read(name + ".ln.bias", {in, size, size})),
        first(weights, name + ".conv1", in, out, 3, 1, 1),
        second(weights, name + ".conv2", out, out, 3, 1, 1) {}

  at::Tensor operator()(const at::Tensor& x, double& macs) const {
    const at::Tensor normed = at::layer_norm(x, gain.sizes(), gain, offset, kNormEps);
    return at::silu(second(at::silu(first(normed, macs)), macs));
  }
};

struct TimeNetwork {
  at::Tensor first, first_bias, second, second_bias;

  TimeNetwork(Weights& weights, const std::string& name, std::int64_t in, std::int64_t out)
      : first(weights.read(name + ".0.weight", {out, in})),
        first_bias(weights.read(name + ".0.bias", {out})),
        second(weights.read(name + ".2.weight", {out, out})),
        second_bias(weights.read(name + ".2.bias", {out})) {}

  // [1, out, 1, 1]
  at::Tensor operator()(const at::Tensor& time, double& macs) const {
    macs += static_cast<double>(first.numel() + second.numel());
    return at::linear(at::silu(at::linear(time, first, first_bias)), second, second_bias).unsqueeze(-1).unsqueeze(-1);
  }
};

struct Level {
  TimeNetwork time;
  std::vector<Block> blocks;

  // Widths: what comes in, and what the three blocks give out.
  Level(Weights& weights, const std::string& blocks_name, const std::string& time_name, std::int64_t embedding,
        std::int64_t size, std::int64_t in, const std::array<std::int64_t, kBlocks>& out)
      : time(weights, time_name, embedding, in) {
    for (int i = 0; i < kBlocks; ++i)
      blocks.emplace_back(weights, blocks_name + "." + std::to_string(i),
                          i == 0 ? in : out[static_cast<std::size_t>(i - 1)], out[static_cast<std::size_t>(i)], size);
  }

  at::Tensor operator()(at::Tensor x, const at::Tensor& embedded, double& macs) const {
    x = x + time(embedded, macs);
    for (const Block& block : blocks) x = block(x, macs);
    return x;
  }
};

struct Shape {
  std::int64_t size, channels, base, embedding, train_steps;
};

Shape read_shape(const ModelFolder& folder) {
  const JsonFields fields(folder.config(), (folder.path() / "config.json").string());
  Shape shape{.size = fields.integer("image_size", 12, 256, 28),
              .channels = fields.integer("in_channels", 1, 16, 1),
              .base = fields.integer("base_channels", 1, 512, 10),
              .embedding = fields.integer("time_embedding", 1, 4096, 100),
              .train_steps = fields.integer("train_steps", 2, 100'000, 1000)};
  if (shape.size % 8 != 4)
    fields.refuse("image_size", "is no size that the network comes back to", "use 4 more than a multiple of 8, as 28");
  return shape;
}

class LayerNormUnet : public NoiseNetwork {
 public:
  LayerNormUnet(Weights weights, const Shape& s)
      : shape_(s),
        embedding_(weights.read("time_embed.weight", {s.train_steps, s.embedding})),
        first_(weights, "b1", "te1", s.embedding, s.size, s.channels, {s.base, s.base, s.base}),
        down1_(weights, "down1", s.base, s.base, 4, 2, 1),
        second_(weights, "b2", "te2", s.embedding, s.size / 2, s.base, {2 * s.base, 2 * s.base, 2 * s.base}),
        down2_(weights, "down2", 2 * s.base, 2 * s.base, 4, 2, 1),
        third_(weights, "b3", "te3", s.embedding, s.size / 4, 2 * s.base, {4 * s.base, 4 * s.base, 4 * s.base}),
        down3_(weights, "down3.0", 4 * s.base, 4 * s.base, 2, 1, 0),
        down3_half_(weights, "down3.2", 4 * s.base, 4 * s.base, 4, 2, 1),
        middle_(weights, "b_mid", "te_mid", s.embedding, middle_size(s), 4 * s.base,
                {2 * s.base, 2 * s.base, 4 * s.base}),
        up1_double_(weights, "up1.0", 4 * s.base, 4 * s.base, 4, 2, 1, true),
        up1_(weights, "up1.2", 4 * s.base, 4 * s.base, 2, 1, 0, true),
        fourth_(weights, "b4", "te4", s.embedding, s.size / 4, 8 * s.base, {4 * s.base, 2 * s.base, 2 * s.base}),
        up2_(weights, "up2", 2 * s.base, 2 * s.base, 4, 2, 1, true),
        fifth_(weights, "b5", "te5", s.embedding, s.size / 2, 4 * s.base, {2 * s.base, s.base, s.base}),
        up3_(weights, "up3", s.base, s.base, 4, 2, 1, true),
        last_(weights, "b_out", "te_out", s.embedding, s.size, 2 * s.base, {s.base, s.base, s.base}),
        out_(weights, "conv_out", s.base, s.channels, 3, 1, 1),
        weight_bytes_(weights.bytes()) {}

  ImageShape shape() const override { return {shape_.channels, shape_.size, shape_.size}; }
  std::int64_t train_steps() const override { return shape_.train_steps; }
  double macs() const override { return macs_; }
  double weight_bytes() const override { return weight_bytes_; }

  void predict(std::span<const float> image, double timestep, std::span<float> output) override {
    const c10::InferenceMode guard;
    const at::Tensor x = at::empty({1, shape_.channels, shape_.size, shape_.size}, at::kFloat);
    std::copy(image.begin(), image.end(), x.mutable_data_ptr<float>());
    const std::int64_t step = std::clamp<std::int64_t>(std::llround(timestep), 0, shape_.train_steps - 1);
    const at::Tensor noise = forward(x, embedding_.slice(0, step, step + 1)).contiguous();
    const float* values = noise.const_data_ptr<float>();
    std::copy(values, values + noise.numel(), output.begin());
    if (!std::all_of(output.begin(), output.end(), [](float value) { return std::isfinite(value); }))
      throw Error(ErrorKind::model, "the network's output is not finite", "training step " + std::to_string(step),
                  "the weights or the image are damaged");
  }

 private:
  static std::int64_t middle_size(const Shape& s) { return (s.size / 4 - 1) / 2; }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& time) {
    double macs = 0;
    const at::Tensor fine = first_(x, time, macs);
    const at::Tensor half = second_(down1_(fine, macs), time, macs);
    const at::Tensor quarter = third_(down2_(half, macs), time, macs);
    const at::Tensor small = down3_half_(at::silu(down3_(quarter, macs)), macs);
    const at::Tensor middle = middle_(small, time, macs);
    const at::Tensor up = up1_(at::silu(up1_double_(middle, macs)), macs);
    const at::Tensor four = fourth_(at::cat({quarter, up}, 1), time, macs);
    const at::Tensor five = fifth_(at::cat({half, up2_(four, macs)}, 1), time, macs);
    const at::Tensor all = last_(at::cat({fine, up3_(five, macs)}, 1), time, macs);
    at::Tensor noise = out_(all, macs);
    macs_ = macs;
    return noise;
  }

  Shape shape_;
  at::Tensor embedding_;  // [train_steps, embedding]
  Level first_;
  Convolution down1_;
  Level second_;
  Convolution down2_;
  Level third_;
  Convolution down3_, down3_half_;
  Level middle_;
  Convolution up1_double_, up1_;
  Level fourth_;
  Convolution up2_;
  Level fifth_;
  Convolution up3_;
  Level last_;
  Convolution out_;
  double weight_bytes_ = 0, macs_ = 0;
};

}  // namespace

std::unique_ptr<NoiseNetwork> load_layer_norm_unet(const ModelFolder& folder) {
  const Shape shape = read_shape(folder);
  return std::make_unique<LayerNormUnet>(Weights(folder), shape);
}

}  // namespace dynexec
