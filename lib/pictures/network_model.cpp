#include "pictures/network_model.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "models/json_fields.hpp"
#include "models/layer_norm_unet.hpp"
#include "pictures/checks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {
namespace {

// Asks the network for one row after the other.
class NetworkDenoising : public Denoising {
 public:
  NetworkDenoising(std::shared_ptr<NoiseNetwork> network, const PictureRequest& request)
      : network_(std::move(network)), request_(request), costs_(request.rows) {}

  std::size_t rows() const override { return costs_.size(); }

  void evaluate(std::size_t evaluation, std::span<const float> input, const EvaluationMode& mode,
                std::span<float> output) override {
    const std::int64_t elements = network_->shape().elements();
    require_evaluation(request_, rows(), elements, evaluation, input, output);
    if (mode.reuse) throw Error(ErrorKind::internal, "no features were kept to reuse", "denoising", "");
    const auto size = static_cast<std::size_t>(elements);
    for (std::size_t row = 0; row < rows(); ++row) {
      network_->predict(input.subspan(row * size, size), request_.timesteps[evaluation],
                        output.subspan(row * size, size));
      costs_[row] += {.macs = network_->macs(), .weight_bytes = network_->weight_bytes(), .evaluations = 1};
    }
  }

  const std::vector<double>& agreement() const override { return agreement_; }
  void end_guidance(std::span<const std::size_t>) override {}

  void keep_rows(std::span<const std::size_t> rows) override {
    require_rows(rows, costs_.size());
    keep_only(costs_, rows);
  }

  PictureCost cost(std::size_t row) const override { return costs_.at(row); }

 private:
  std::shared_ptr<NoiseNetwork> network_;
  PictureRequest request_;
  std::vector<PictureCost> costs_;
  std::vector<double> agreement_;
};

class NetworkModel : public PictureModel {
 public:
  NetworkModel(std::shared_ptr<NoiseNetwork> network, std::string sha256)
      : network_(std::move(network)), sha256_(std::move(sha256)) {}

  ImageShape latent_shape() const override { return network_->shape(); }
  ImageShape picture_shape() const override { return network_->shape(); }
  bool takes_text() const override { return false; }
  // Stored in fp32.
  double parameters() const override { return network_->weight_bytes() / sizeof(float); }
  std::string sha256() const override { return sha256_; }

  SamplerOptions sampling() const override {
    SamplerOptions options;
    options.offset = 0;
    options.noise = {
        .betas = BetaSchedule::linear, .beta_start = 1e-4, .beta_end = 0.02, .train_steps = network_->train_steps()};
    options.limits.clip = 1;
    return options;
  }

  std::unique_ptr<Denoising> begin(const PictureRequest& request) const override {
    if (request.guidance != 1)
      throw Error(ErrorKind::config, "a model without text cannot be guided", "guidance", "leave guidance out");
    if (request.cache_branch >= 0)
      throw Error(ErrorKind::config, "this network keeps no features to reuse", "cache_branch",
                  "leave cache_interval at 1, or use a diffusers pipeline");
    if (request.rows == 0) throw Error(ErrorKind::internal, "there is no picture to make", "denoising", "");
    return std::make_unique<NetworkDenoising>(network_, request);
  }

  std::vector<float> decode(std::span<const float> latents, PictureCost&) const override {
    std::vector<float> pixels(latents.begin(), latents.end());
    limit_pixels(pixels);
    return pixels;
  }

 private:
  std::shared_ptr<NoiseNetwork> network_;
  std::string sha256_;
};

}  // namespace

std::shared_ptr<const PictureModel> load_network_model(const std::filesystem::path& folder) {
  const ModelFolder files = ModelFolder::open(folder);
  const JsonFields fields(files.config(), (folder / "config.json").string());
  const std::string type = fields.text("model_type", "");
  if (type != "layer_norm_unet")
    fields.refuse("model_type", "a model of type '" + type + "' makes no pictures",
                  "give a folder of a layer_norm_unet or a diffusers pipeline");
  return std::make_shared<NetworkModel>(load_layer_norm_unet(files), files.sha256());
}

}  // namespace dynexec
