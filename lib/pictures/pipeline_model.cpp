#include "pictures/pipeline_model.hpp"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/pixel_shuffle.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <map>
#include <mutex>
#include <optional>
#include <system_error>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "models/diffusion/pipeline.hpp"
#include "pictures/checks.hpp"
#include "pictures/pipeline_denoising.hpp"
#include "pictures/prompt_tokens.hpp"
#include "pictures/scheduler_config.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScheduler = "scheduler/scheduler_config.json";
constexpr std::int64_t kMostElements = std::int64_t{1} << 26;  // of a picture or its latents

void add(PictureCost& cost, const diffusers::Cost& more) {
  cost.macs += more.macs;
  cost.weight_bytes += more.weight_bytes;
}

// The time embeddings of schedules, each computed once. No picture is charged for them: else its cost would depend on
// which one was first.
class TimeTables {
 public:
  std::shared_ptr<const diffusers::TimeTable> get(const diffusers::UNet& unet, const std::vector<double>& timesteps) {
    const std::scoped_lock lock(mutex_);
    auto& table = tables_[timesteps];
    if (!table) table = std::make_shared<const diffusers::TimeTable>(unet.times(timesteps));
    return table;
  }

 private:
  std::mutex mutex_;
  std::map<std::vector<double>, std::shared_ptr<const diffusers::TimeTable>> tables_;
};

class PipelineModel : public PictureModel {
 public:
  // The scheduler first: what is wrong with it is told before gigabytes are read.
  explicit PipelineModel(const fs::path& folder, diffusers::LayerPlan::Kind kind = diffusers::LayerPlan::Kind::fp32,
                         std::shared_ptr<diffusers::ActivationRanges> ranges = nullptr)
      : folder_(folder),
        stored_(kind == diffusers::LayerPlan::Kind::fp32),
        sampling_(read_scheduler_config(diffusers::read_pipeline_scheduler(folder), (folder / kScheduler).string())),
        pipeline_(diffusers::load_pipeline(folder, kind, std::move(ranges))) {
    const diffusers::UNetConfig& unet = pipeline_.unet->config();
    const fs::path config = folder / "unet" / "config.json";
    if (unet.sample_size == 0)
      throw Error(ErrorKind::model, "the size of the pictures is not told", config.string() + ": sample_size",
                  "add sample_size, the side of what the U-Net was trained on");
    for (const ImageShape& shape : {latent_shape(), picture_shape()})
      if (shape.elements() > kMostElements)
        throw Error(ErrorKind::model, fmt::format("pictures of {} x {} are too large", shape.height, shape.width),
                    config.string() + ": sample_size", "set it to the side of what the U-Net was trained on");
    if (unet.cross_attends()) tokens_.emplace(folder / "tokenizer", pipeline_.text->config().positions);
    // Latents have no range; diffusers' pipelines take the limit away, too.
    if (pipeline_.decoder) sampling_.limits.clip = 0;
  }

  ImageShape latent_shape() const override {
    const diffusers::UNetConfig& unet = pipeline_.unet->config();
    return {unet.in_channels, unet.sample_size, unet.sample_size};
  }

  ImageShape picture_shape() const override {
    const ImageShape latents = latent_shape();
    if (pipeline_.decoder) {
      const diffusers::ImageDecoderConfig& decoder = pipeline_.decoder->config();
      const std::int64_t side = latents.height * decoder.enlargement();
      return {decoder.out_channels, side, side};
    }
    const std::int64_t patch = pipeline_.patch;
    return {latents.channels / (patch * patch), latents.height * patch, latents.width * patch};
  }

  bool takes_text() const override { return tokens_.has_value(); }
  bool can_be_quantised() const override { return !stored_weights(); }
  std::optional<QuantisedWeights> stored_weights() const override;
  double parameters() const override { return pipeline_.parameters(); }
  SamplerOptions sampling() const override { return sampling_; }
  std::string sha256() const override;
  std::string origin_sha256() const override;
  std::unique_ptr<Denoising> begin(const PictureRequest& request) const override;
  std::vector<float> decode(std::span<const float> latents, PictureCost& cost) const override;

 private:
  void check(const PictureRequest& request) const;
  // Of the rows' texts and, when guided, of the negative text behind them.
  diffusers::Prompt encode(const PictureRequest& request, PictureCost& cost) const;

  fs::path folder_;
  bool stored_;  // quantised layers are so in the folder
  SamplerOptions sampling_;
  diffusers::Pipeline pipeline_;
  std::optional<PromptTokens> tokens_;
  mutable TimeTables tables_;
};

std::string PipelineModel::sha256() const {
  Sha256 all;
  const auto add_file = [&](const std::string& name) {
    std::error_code failed;
    if (fs::exists(folder_ / name, failed))
      all.update(fmt::format("{}  {}\n", sha256_file((folder_ / name).string()), name));
  };
  const auto add_network = [&](const std::string& name) {
    add_file(name + "/config.json");
    all.update(fmt::format("{}  {}\n", ModelFolder::open(folder_ / name).sha256(), name));
  };
  add_file("model_index.json");
  add_file(kScheduler);
  add_network("unet");
  if (pipeline_.decoder) add_network("vae");
  if (pipeline_.text) add_network("text_encoder");
  if (tokens_)
    for (const char* name :
         {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"})
      add_file(fmt::format("tokenizer/{}", name));
  return all.hex();
}

std::optional<QuantisedWeights> PipelineModel::stored_weights() const {
  const diffusers::LayerPlan::Kind kind = pipeline_.unet->kind();
  if (!stored_ || kind == diffusers::LayerPlan::Kind::fp32) return std::nullopt;
  return kind == diffusers::LayerPlan::Kind::int8 ? QuantisedWeights::int8 : QuantisedWeights::int4;
}

std::string PipelineModel::origin_sha256() const {
  return stored_weights() ? diffusers::made_from(ModelFolder::open(folder_ / "unet")) : sha256();
}

void PipelineModel::check(const PictureRequest& request) const {
  if (request.rows == 0) throw Error(ErrorKind::internal, "there is no picture to make", "denoising", "");
  if (takes_text() ? request.texts.size() != request.rows : !request.texts.empty())
    throw Error(ErrorKind::internal, fmt::format("{} texts for {} pictures", request.texts.size(), request.rows),
                "denoising", "");
  if (request.guidance != 1 && !takes_text())
    throw Error(ErrorKind::config, "a model without text cannot be guided", "guidance", "leave guidance out");
  const auto branches = static_cast<std::int64_t>(pipeline_.unet->weights().skip_connections());
  if (request.cache_branch >= branches)
    throw Error(ErrorKind::config, fmt::format("the U-Net has no skip connection {}", request.cache_branch),
                "cache_branch", fmt::format("use 0 to {}; 0 saves most", branches - 1));
}

diffusers::Prompt PipelineModel::encode(const PictureRequest& request, PictureCost& cost) const {
  std::vector<std::vector<std::int32_t>> ids;
  for (const std::string& text : request.texts) ids.push_back(tokens_->encode(text));
  if (request.guidance != 1) ids.push_back(tokens_->encode(request.negative));
  diffusers::Cost encoding;
  diffusers::Prompt prompt = pipeline_.unet->prompt(pipeline_.text->encode(ids, encoding));
  add(cost, encoding);
  add(cost, prompt.cost);
  return prompt;
}

std::unique_ptr<Denoising> PipelineModel::begin(const PictureRequest& request) const {
  check(request);
  PipelineStart start{.unet = pipeline_.unet};
  start.times = tables_.get(*pipeline_.unet, request.timesteps);
  if (takes_text()) start.prompt = encode(request, start.cost);
  return std::make_unique<PipelineDenoising>(std::move(start), request, latent_shape());
}

std::vector<float> PipelineModel::decode(std::span<const float> latents, PictureCost& cost) const {
  const c10::InferenceMode guard;
  const ImageShape shape = latent_shape();
  if (static_cast<std::int64_t>(latents.size()) != shape.elements())
    throw Error(ErrorKind::internal, fmt::format("{} values are no latents", latents.size()), "image decoder", "");
  // Only read.
  at::Tensor picture =
      at::from_blob(const_cast<float*>(latents.data()), {1, shape.channels, shape.height, shape.width}, at::kFloat);
  if (pipeline_.decoder) {
    diffusers::Cost decoding;
    picture = pipeline_.decoder->decode(picture, decoding);
    add(cost, decoding);
  } else {
    picture = at::pixel_shuffle(picture, pipeline_.patch).contiguous();
  }
  const float* values = picture.const_data_ptr<float>();
  std::vector<float> pixels(values, values + picture.numel());
  limit_pixels(pixels);
  return pixels;
}

}  // namespace

std::shared_ptr<const PictureModel> load_pipeline_model(const fs::path& folder) {
  return std::make_shared<PipelineModel>(folder);
}

PictureRanges learn_pipeline_ranges(const fs::path& folder, const CalibrationDrawing& draw) {
  auto ranges = std::make_shared<diffusers::ActivationRanges>();
  draw(PipelineModel(folder, diffusers::LayerPlan::Kind::observed, ranges));
  return ranges;
}

std::shared_ptr<const PictureModel> load_quantised_pipeline_model(const fs::path& folder, QuantisedWeights weights,
                                                                  PictureRanges ranges) {
  const bool int4 = weights == QuantisedWeights::int4;
  return std::make_shared<PipelineModel>(
      folder, int4 ? diffusers::LayerPlan::Kind::int4 : diffusers::LayerPlan::Kind::int8, std::move(ranges));
}

}  // namespace dynexec
