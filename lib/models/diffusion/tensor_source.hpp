// Where the tensors of a network come from: a checkpoint here, fresh parameters when one is trained.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "models/diffusion/layer_plan.hpp"
#include "models/diffusion/layers.hpp"
#include "models/diffusion/stored_layers.hpp"
#include "weights/model_folder.hpp"

namespace dynexec::diffusers {

class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual bool has(const std::string& name) const = 0;
  // fp32, of exactly this shape; convolutions with the input channels innermost.
  virtual at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) = 0;

  // name.weight and name.bias.
  virtual Dense dense(const std::string& name, std::int64_t out, std::int64_t in, bool bias = true);
  // A linear layer, whose checkpoint holds a 1x1 convolution.
  virtual Dense pointwise(const std::string& name, std::int64_t out, std::int64_t in);
  virtual Conv conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side = 3);
  Norm norm(const std::string& name, std::int64_t channels, std::int64_t groups, double epsilon);
};

class FolderSource : public TensorSource {
 public:
  explicit FolderSource(const ModelFolder& folder, LayerPlan plan = {}) : folder_(folder), plan_(std::move(plan)) {}

  bool has(const std::string& name) const override;
  // Error(model) naming the tensor when it is missing, has another shape or holds values that are not finite.
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;

  // Weights are packed for the machine's kernels, as the plan says; those of convolutions when they are first used.
  Dense dense(const std::string& name, std::int64_t out, std::int64_t in, bool bias = true) override;
  Dense pointwise(const std::string& name, std::int64_t out, std::int64_t in) override;
  Conv conv(const std::string& name, std::int64_t out, std::int64_t in, std::int64_t side = 3) override;

  double parameters() const { return parameters_; }
  // Tensors that config.json does not explain would silently change the model: Error(model) for any that was not
  // taken and does not start with one of these.
  void refuse_rest(const std::vector<std::string>& allowed) const;

 private:
  // A layer of the matrix `name` [out, in], once it is known what the matrix is.
  Dense packed(StoredMatrix weight, const at::Tensor& bias) const;
  // Its weights in this format, as the checkpoint has them or rounded.
  StoredMatrix matrix(const std::string& name, const std::vector<std::int64_t>& shape, LayerPlan::Kind kind);
  QuantisedConv quantised(const std::string& name, const std::string& layer, const std::vector<std::int64_t>& shape);
  // Notes that tensors were taken, which hold so many parameters.
  void note(const std::vector<std::string>& names, std::int64_t parameters);

  const ModelFolder& folder_;
  LayerPlan plan_;
  std::set<std::string> taken_;
  double parameters_ = 0;
};

}  // namespace dynexec::diffusers
