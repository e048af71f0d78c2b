#include "models/diffusion/pipeline.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "models/json_fields.hpp"
#include "weights/json_reader.hpp"

namespace dynexec::diffusers {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model_index.json";
constexpr std::int64_t kMaxPatch = 16;
// Components without a network, or whose network takes no part in the picture; any other would.
constexpr std::array<const char*, 4> kBystanders{"safety_checker", "feature_extractor", "tokenizer", "scheduler"};

[[noreturn]] void refuse(const fs::path& where, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::model, what, where.string(), hint);
}

nlohmann::json read_index(const fs::path& folder) {
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) refuse(folder, "no such pipeline folder", "check the path");
  if (!fs::exists(folder / kIndex, failed))
    refuse(folder, "the folder has no model_index.json",
           "give a diffusers pipeline folder, which holds unet/ beside it");
  return dynexec::read_json_object(folder / kIndex);
}

// Python writes numbers that JSON does not have (DPMSolverMultistepScheduler: "lambda_min_clipped": -Infinity). They
// become null, blanks keep the places that errors name.
std::string without_infinities(std::string text) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted && text[at] == '\\') ++at;
    if (quoted) continue;
    for (const std::string_view number : {"-Infinity", "Infinity"})
      if (std::string_view(text).substr(at).starts_with(number))
        text.replace(at, number.size(), "null" + std::string(number.size() - 4, ' '));
  }
  return text;
}

// An entry is ["library", "Class"], [null, null] where the component is left out; anything else is a setting.
std::optional<std::string> class_of(const nlohmann::json& index, const std::string& name) {
  const auto found = index.find(name);
  if (found == index.end() || !found->is_array() || found->size() != 2 || !(*found)[1].is_string()) return std::nullopt;
  return (*found)[1].get<std::string>();
}

bool names_component(const nlohmann::json& index, const std::string& name, const std::string& wanted,
                     const fs::path& path) {
  const std::optional<std::string> found = class_of(index, name);
  if (!found) return false;
  if (*found != wanted)
    refuse(path / kIndex, fmt::format("{} is a {}, which is not supported", name, *found),
           fmt::format("use a pipeline whose {} is a {}", name, wanted));
  std::error_code failed;
  if (!fs::is_directory(path / name, failed))
    refuse(path, fmt::format("the component {} ({}) is missing", name, wanted),
           fmt::format("model_index.json names it: download the folder {}/", name));
  return true;
}

void refuse_unknown(const nlohmann::json& index, const fs::path& path) {
  for (const auto& [name, value] : index.items()) {
    const std::optional<std::string> type = class_of(index, name);
    if (!type || name == "unet" || name == "vae" || name == "text_encoder") continue;
    bool known = false;
    for (const char* bystander : kBystanders) known = known || name == bystander;
    if (!known)
      refuse(path / kIndex, fmt::format("the component {} ({}) is not supported", name, *type),
             "use a pipeline of unet, vae and text_encoder, such as Stable Diffusion 1.x or 2.x");
  }
}

std::int64_t read_patch(const nlohmann::json& index, const Pipeline& pipeline, const fs::path& path) {
  const JsonFields fields(index, (path / kIndex).string());
  const std::int64_t patch = fields.integer("patch", 1, kMaxPatch, 1), channels = pipeline.unet->config().in_channels;
  if (patch > 1 && pipeline.decoder)
    fields.refuse("patch", "a pipeline with a vae has no patches of pixels", "leave out patch or vae");
  if (channels % (patch * patch) != 0)
    fields.refuse("patch",
                  fmt::format("{} channels of the unet are no squares of {}x{} pixels", channels, patch, patch),
                  "give the patch that the unet was trained with");
  return patch;
}

void check_fit(const Pipeline& pipeline, const fs::path& path) {
  const UNetConfig& unet = pipeline.unet->config();
  if (unet.out_channels != unet.in_channels)
    refuse(path / "unet", fmt::format("{} channels in, but {} out", unet.in_channels, unet.out_channels),
           "use a U-Net that predicts what it is given; inpainting and learned variances are not supported");
  if (pipeline.decoder && pipeline.decoder->config().latent_channels != unet.in_channels)
    refuse(path / "unet",
           fmt::format("the U-Net works on {} channels, the vae on latents of {}", unet.in_channels,
                       pipeline.decoder->config().latent_channels),
           "take unet and vae from the same pipeline");
  if (pipeline.text && pipeline.text->config().width != unet.context)
    refuse(path / "unet",
           fmt::format("the U-Net attends to states of width {}, the text_encoder gives {}", unet.context,
                       pipeline.text->config().width),
           "take unet and text_encoder from the same pipeline");
}

}  // namespace

double Pipeline::parameters() const {
  return unet->parameters() + (decoder ? decoder->parameters() : 0) + (text ? text->parameters() : 0);
}

Pipeline load_pipeline(const fs::path& folder, LayerPlan::Kind kind, std::shared_ptr<ActivationRanges> ranges) {
  const nlohmann::json index = read_index(folder);
  const auto missing = [&](const std::string& name, const std::string& why) {
    refuse(folder / kIndex, fmt::format("the component {} is not named, {}", name, why),
           "download the whole pipeline folder");
  };
  refuse_unknown(index, folder);
  const auto type = index.find("_class_name");
  const bool text_to_image = type != index.end() && *type == "StableDiffusionPipeline";
  Pipeline pipeline;
  const bool unet = names_component(index, "unet", "UNet2DConditionModel", folder);
  const bool vae = names_component(index, "vae", "AutoencoderKL", folder);
  const bool text = names_component(index, "text_encoder", "CLIPTextModel", folder);
  if (!unet) missing("unet", "without which there is nothing to run");
  if (text_to_image && !vae) missing("vae", "which a StableDiffusionPipeline has");
  if (text_to_image && !text) missing("text_encoder", "which a StableDiffusionPipeline has");
  // The small parts first: what is wrong with them is told before gigabytes are read.
  if (text) pipeline.text = ClipText::load(folder / "text_encoder");
  if (vae) pipeline.decoder = ImageDecoder::load(folder / "vae");
  pipeline.unet = UNet::load(folder / "unet", kind, std::move(ranges));
  if (!text && pipeline.unet->config().cross_attends()) missing("text_encoder", "but the U-Net attends to text");
  check_fit(pipeline, folder);
  pipeline.patch = read_patch(index, pipeline, folder);
  return pipeline;
}

nlohmann::json read_pipeline_scheduler(const fs::path& folder) {
  (void)read_index(folder);
  const fs::path path = folder / "scheduler" / "scheduler_config.json";
  std::error_code failed;
  if (!fs::exists(path, failed))
    refuse(folder, "the component scheduler (scheduler/scheduler_config.json) is missing",
           "download the folder scheduler/: it tells the noise that the network was trained on");
  return parse_json_object(without_infinities(read_file(path.string(), kMaxJsonBytes)), path.string());
}

}  // namespace dynexec::diffusers
