#include "train/noise_module.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include "models/diffusion/unet_forward.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

NoiseModule::NoiseModule(const nlohmann::json& unet, const nlohmann::json& text, std::uint64_t seed)
    : unet_source_(seed),
      text_source_(seed + 1),
      unet_(diffusers::take_unet(diffusers::parse_unet_config(unet, "model"), unet_source_)),
      text_(diffusers::take_clip_text(diffusers::parse_clip_text_config(text, "model.text"), text_source_)) {
  for (const auto& [name, tensor] : unet_source_.parameters()) parameters_.emplace_back("unet." + name, tensor);
  for (const auto& [name, tensor] : text_source_.parameters()) parameters_.emplace_back("text." + name, tensor);
}

at::Tensor NoiseModule::forward(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& ids) const {
  diffusers::Cost cost;
  const at::Tensor states = diffusers::encode_clip_text(text_, ids, 0, cost);
  return diffusers::unet_forward(unet_, x, diffusers::time_shifts(unet_, timesteps, cost),
                                 diffusers::unet_keys(unet_, states, cost), cost)
      .to(at::kFloat);
}

std::map<std::string, std::vector<std::int64_t>> NoiseModule::row_blocks() const {
  std::map<std::string, std::vector<std::int64_t>> blocks;
  for (const auto& [name, tensor] : parameters_) {
    const bool outer = name.find("embedding.weight") != std::string::npos || name == "unet.conv_in.weight" ||
                       name == "unet.conv_out.weight";
    if (tensor.dim() >= 2 && !outer) blocks[name] = {tensor.size(0)};
  }
  return blocks;
}

std::int64_t NoiseModule::size() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : parameters_) count += tensor.numel();
  return count;
}

void NoiseModule::take_over(const std::filesystem::path& pipeline) {
  const c10::NoGradGuard no_grad;
  const auto take = [&](const FreshTensors& into, const char* part) {
    const ModelFolder folder = ModelFolder::open(pipeline / part);
    for (std::size_t i = 0; i < into.parameters().size(); ++i) {
      const auto& [name, tensor] = into.parameters()[i];
      const TensorView view = folder.require(name, into.stored_shapes()[i]);
      copy_as_f32(view, {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
    }
  };
  take(unet_source_, "unet");
  take(text_source_, "text_encoder");
}

NamedTensors NoiseModule::part(const std::string& part, const std::vector<at::Tensor>& values) const {
  NamedTensors tensors;
  const std::size_t of_unet = unet_source_.parameters().size();
  const bool unet = part == "unet";
  const FreshTensors& source = unet ? unet_source_ : text_source_;
  for (std::size_t i = 0; i < source.parameters().size(); ++i)
    tensors.emplace_back(source.parameters()[i].first,
                         values.at(unet ? i : of_unet + i).view(source.stored_shapes()[i]));
  return tensors;
}

}  // namespace dynexec
