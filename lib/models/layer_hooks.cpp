#include "models/layer_hooks.hpp"

namespace dynexec {
namespace {

class ObservedLinear final : public Linear {
 public:
  ObservedLinear(std::string name, std::unique_ptr<Linear> linear, InputObserver observer)
      : name_(std::move(name)), linear_(std::move(linear)), observer_(std::move(observer)) {}

  std::int64_t in_features() const override { return linear_->in_features(); }
  std::int64_t out_features() const override { return linear_->out_features(); }
  std::string format() const override { return linear_->format(); }
  std::int64_t weight_bytes() const override { return linear_->weight_bytes(); }
  double macs_per_row() const override { return linear_->macs_per_row(); }
  void forward(const float* x, float* y, std::int64_t rows) const override {
    observer_(name_, x, rows, in_features());
    linear_->forward(x, y, rows);
  }
  void forward_add(const float* x, float* y, std::int64_t rows) const override {
    observer_(name_, x, rows, in_features());
    linear_->forward_add(x, y, rows);
  }
  void weight_row(std::int64_t index, float* out) const override { linear_->weight_row(index, out); }

 private:
  std::string name_;
  std::unique_ptr<Linear> linear_;
  InputObserver observer_;
};

}  // namespace

std::optional<StoredMatrix> LayerHooks::matrix(const std::string& name, std::int64_t out, std::int64_t in,
                                               const WeightFormat& format) const {
  if (!stored) return std::nullopt;
  std::optional<StoredMatrix> found = stored(name, out, in);
  if (found) found->format.rounded_inputs = format.rounded_inputs;
  return found;
}

std::unique_ptr<Linear> LayerHooks::observed(const std::string& name, std::unique_ptr<Linear> linear) const {
  if (!observer) return linear;
  return std::make_unique<ObservedLinear>(name, std::move(linear), observer);
}

}  // namespace dynexec
