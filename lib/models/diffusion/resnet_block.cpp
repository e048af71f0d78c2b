#include "models/diffusion/resnet_block.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace dynexec::diffusers {

ResnetBlock take_resnet(TensorSource& source, const std::string& name, const ResnetShape& shape) {
  ResnetBlock block;
  block.norm1 = source.norm(name + ".norm1", shape.in, shape.groups, shape.epsilon);
  block.conv1 = source.conv(name + ".conv1", shape.out, shape.in);
  if (shape.time > 0) block.time = source.dense(name + ".time_emb_proj", shape.out, shape.time);
  block.norm2 = source.norm(name + ".norm2", shape.out, shape.groups, shape.epsilon);
  block.conv2 = source.conv(name + ".conv2", shape.out, shape.out);
  if (shape.in != shape.out) block.shortcut = source.pointwise(name + ".conv_shortcut", shape.out, shape.in);
  return block;
}

at::Tensor run_resnet(const ResnetBlock& block, const at::Tensor& x, const at::Tensor& shift, Cost& cost) {
  at::Tensor h = conv(block.conv1, norm_silu(block.norm1, x, cost), cost);
  if (shift.defined()) h = h + shift.view({shift.size(0), shift.size(1), 1, 1});
  h = conv(block.conv2, norm_silu(block.norm2, h, cost), cost);
  return h + (block.shortcut.present() ? pointwise(block.shortcut, x, cost) : x);
}

at::Tensor upsample(const Conv& layer, const at::Tensor& x, std::int64_t height, std::int64_t width, Cost& cost) {
  return conv(layer, at::upsample_nearest2d(x, {height, width}), cost);
}

}  // namespace dynexec::diffusers
