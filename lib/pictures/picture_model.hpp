// Models that make pictures from noise, asked again and again by a sampler; with a text or without.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diffusion/sampler.hpp"
#include "models/diffusion/layer_plan.hpp"
#include "models/noise_network.hpp"

namespace dynexec {

// Counted by the code that ran: text encoder, keys of the prompt, network, image decoder. The time embeddings of a
// schedule are made once for all its pictures and belong to none.
struct PictureCost {
  double macs = 0, weight_bytes = 0;
  std::int64_t evaluations = 0;  // of the network, for one picture; with guidance each counts twice
  std::int64_t reused = 0;       // of these: with deep features of an earlier one

  PictureCost& operator+=(const PictureCost& other);
};

struct PictureRequest {
  std::size_t rows = 1;            // pictures that are made together
  std::vector<std::string> texts;  // one a picture; none for a model that takes no text
  std::vector<double> timesteps;   // of the evaluations; training steps, fractions allowed
  double guidance = 1;             // classifier-free guidance (Ho and Salimans 2022); 1: the text's prediction as it is
  std::string negative;            // what guidance leads away from
  std::int64_t cache_branch = -1;  // DeepCache: skip connection below which features may be reused; -1: none are kept
};

// How one evaluation is made.
struct EvaluationMode {
  bool guided = true;  // false: the text's prediction alone, half the work
  bool reuse =
      false;  // true: deep features of the last evaluation that was not reused (Ma, Fang, Wang 2023, DeepCache)
};

// Pictures under way: what the network needs of their texts and of the schedule is computed once, at the begin.
class Denoising {
 public:
  virtual ~Denoising() = default;
  virtual std::size_t rows() const = 0;
  // input and output: [rows, latent shape]. Error(model) naming the evaluation when an output is not finite;
  // Error(internal) for a reuse before anything was kept.
  virtual void evaluate(std::size_t evaluation, std::span<const float> input, const EvaluationMode& mode,
                        std::span<float> output) = 0;
  // Cosine of the two predictions of each row in its last guided evaluation: near 1 guidance has nothing left to do
  // (Castillo et al. 2023, Adaptive Guidance). Empty before one.
  virtual const std::vector<double>& agreement() const = 0;
  // From now on these rows have the text's prediction alone, also in guided evaluations.
  virtual void end_guidance(std::span<const std::size_t> rows) = 0;
  // Goes on with these rows alone, ascending.
  virtual void keep_rows(std::span<const std::size_t> rows) = 0;
  // Of one row, from the begin: what rows share is divided among those that were there.
  virtual PictureCost cost(std::size_t row) const = 0;
};

enum class QuantisedWeights { int8, int4 };

class PictureModel {
 public:
  virtual ~PictureModel() = default;
  virtual ImageShape latent_shape() const = 0;   // what samplers move
  virtual ImageShape picture_shape() const = 0;  // what decode() gives
  virtual bool takes_text() const = 0;
  virtual bool can_be_quantised() const { return false; }  // by load_quantised_picture_model
  // What the folder's weights are; none: plain numbers.
  virtual std::optional<QuantisedWeights> stored_weights() const { return std::nullopt; }
  virtual double parameters() const = 0;
  virtual std::string sha256() const = 0;  // of everything that was loaded
  // The same of the folder that a quantised one was made from, as it says; "" where it does not say, its own otherwise.
  virtual std::string origin_sha256() const { return sha256(); }
  // Noise schedule, kind of prediction and limits as the model's folder states them; steps and sampler are the
  // caller's.
  virtual SamplerOptions sampling() const = 0;
  // Error(data) for a text that does not fit; Error(config) for guidance without text.
  virtual std::unique_ptr<Denoising> begin(const PictureRequest& request) const = 0;
  // latents: [latent shape] of one picture, as a sampler ends with them. Pixels in -1 to 1, [picture shape]; the cost
  // is added. Error(model) when a pixel is not finite.
  virtual std::vector<float> decode(std::span<const float> latents, PictureCost& cost) const = 0;
};

// A diffusers pipeline folder (model_index.json), or a folder of one unconditional network. Error(model).
std::shared_ptr<const PictureModel> load_picture_model(const std::filesystem::path& folder);

// Makes some pictures with the model that it is given, as the model will be used.
using CalibrationDrawing = std::function<void(const PictureModel&)>;
// What the drawing sends through the convolutions of a pipeline in fp32. Error(model) for other folders, Error(config)
// for a pipeline that is quantised already.
using PictureRanges = std::shared_ptr<diffusers::ActivationRanges>;
PictureRanges learn_picture_ranges(const std::filesystem::path& folder, const CalibrationDrawing& draw);

// The same pipeline with the U-Net's layers that run at every step in int8, but for the first and the last convolution
// and for narrow matrices; with int4 the matrices are in 4 bits with a scale for 32 inputs, the convolutions in int8.
// `ranges` are those that learn_picture_ranges found. Errors as of these.
std::shared_ptr<const PictureModel> load_quantised_picture_model(const std::filesystem::path& folder,
                                                                 QuantisedWeights weights, PictureRanges ranges);

}  // namespace dynexec
