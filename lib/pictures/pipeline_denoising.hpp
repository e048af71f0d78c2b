// Pictures under way through the U-Net of a pipeline. Private to the room.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "models/diffusion/unet.hpp"
#include "pictures/picture_model.hpp"

namespace dynexec {

// What the U-Net needs, computed already.
struct PipelineStart {
  std::shared_ptr<const diffusers::UNet> unet;
  std::shared_ptr<const diffusers::TimeTable> times;
  // Of the rows' texts and, when guided, of the negative text behind them. No keys without text.
  diffusers::Prompt prompt;
  PictureCost cost;  // of all rows together
};

class PipelineDenoising : public Denoising {
 public:
  PipelineDenoising(PipelineStart start, const PictureRequest& request, const ImageShape& shape);

  std::size_t rows() const override { return rows_.size(); }
  void evaluate(std::size_t evaluation, std::span<const float> input, const EvaluationMode& mode,
                std::span<float> output) override;
  const std::vector<double>& agreement() const override { return agreement_; }
  void end_guidance(std::span<const std::size_t> rows) override;
  void keep_rows(std::span<const std::size_t> rows) override;
  PictureCost cost(std::size_t row) const override { return rows_.at(row).cost; }

 private:
  struct Row {
    bool guided = false;
    PictureCost cost;
    // Where its features lie among those that were kept; -1 where they do not.
    std::int64_t kept_text = -1, kept_negative = -1;
  };

  // The rows that one evaluation of the network has: all of them with their texts, then `guided` of them again with
  // the negative text.
  struct Batch {
    std::vector<std::int64_t> guided;
    diffusers::Prompt prompt;
    std::int64_t rows = 0;
  };

  std::int64_t count() const { return static_cast<std::int64_t>(rows_.size()); }
  Batch make_batch(bool guided) const;
  // The batch of a kind of evaluation, made once for as long as rows and their guidance stay.
  const Batch& batch(bool guided);
  void forget_batches();
  at::Tensor fill_input(std::span<const float> input, const Batch& batch);
  // The features of these rows among those that were kept; none when some are missing.
  std::optional<diffusers::DeepFeatures> features_of(const Batch& batch) const;
  void note_kept(const Batch& batch);
  void charge(const Batch& batch, const diffusers::Cost& cost, bool reused);
  void guide(const Batch& batch, const at::Tensor& predicted, std::span<float> output);

  std::shared_ptr<const diffusers::UNet> unet_;
  std::shared_ptr<const diffusers::TimeTable> times_;
  PictureRequest request_;
  ImageShape shape_;
  diffusers::Prompt texts_;     // of the rows
  diffusers::Prompt negative_;  // one row, or none
  std::vector<Row> rows_;
  std::vector<double> agreement_;
  std::optional<Batch> guided_batch_, plain_batch_;
  at::Tensor input_;  // room for the largest batch, channels innermost
  diffusers::DeepFeatures kept_;
};

}  // namespace dynexec
