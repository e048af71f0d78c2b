#include "compress/gptq.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/error.hpp"

namespace dynexec {
namespace {

// Moments with their diagonal raised. An input that was always 0 decides nothing.
at::Tensor damped_moments(const at::Tensor& moments, double damping) {
  at::Tensor damped = moments.clone();
  at::Tensor diagonal = damped.diagonal();
  diagonal.masked_fill_(diagonal.eq(0), 1);
  diagonal.add_(diagonal.mean() * damping);
  if (!at::isfinite(damped).all().item<bool>())
    throw Error(ErrorKind::model, "the layer's inputs are not finite", "calibration",
                "check the model with dynexec generate; it may overflow on these texts");
  return damped;
}

// Upper Cholesky factor of the inverse of the damped moments.
at::Tensor inverse_factor(const at::Tensor& moments, double damping) {
  const at::Tensor inverse = at::cholesky_inverse(at::linalg_cholesky(damped_moments(moments, damping)));
  return at::linalg_cholesky(inverse, true).contiguous();
}

std::vector<float> column_values(const at::Tensor& matrix, std::int64_t row, std::int64_t begin, std::int64_t end) {
  const double* values = matrix.const_data_ptr<double>() + row * matrix.size(1);
  std::vector<float> result;
  for (std::int64_t k = begin; k < end; ++k) result.push_back(static_cast<float>(values[k]));
  return result;
}

// The scale whose rounding leaves the least squared error, `importance` times that of each weight; the ends of the
// scale are moved inwards by up to an eighth of the range.
GroupScale fitted_scale(std::span<const float> weights, std::span<const double> importance,
                        const WeightFormat& format) {
  constexpr int kTries = 6;
  constexpr float kStep = 0.025f;  // of the range
  const auto [least, most] = std::minmax_element(weights.begin(), weights.end());
  const float range = *most - *least;
  GroupScale best;
  double smallest = std::numeric_limits<double>::infinity();
  for (int low = 0; low < kTries; ++low)
    for (int high = 0; high < kTries; ++high) {
      const GroupScale scale = scale_between(*least + static_cast<float>(low) * kStep * range,
                                             *most - static_cast<float>(high) * kStep * range, format);
      double error = 0;
      for (std::size_t k = 0; k < weights.size(); ++k) {
        const double missing = weights[k] - scale.value_of(scale.code_of(weights[k], format.type));
        error += importance[k] * missing * missing;
      }
      if (error >= smallest) continue;
      smallest = error;
      best = scale;
    }
  return best;
}

// A matrix on its way: inputs below `k` are rounded, those behind carry their errors.
class Rounding {
 public:
  Rounding(const at::Tensor& weights, const at::Tensor& factor, const WeightFormat& format, bool fitted)
      : fitted_(fitted && format.type == WeightType::int4),
        weights_(weights),
        factor_(factor.const_data_ptr<double>()),
        out_(weights.size(0)),
        in_(weights.size(1)),
        scales_(static_cast<std::size_t>(out_)) {
    matrix_ = {.format = format, .out = out_, .in = in_};
    matrix_.codes.resize(static_cast<std::size_t>(out_ * in_));
    const auto scales = static_cast<std::size_t>(out_ * matrix_.groups());
    matrix_.scales.resize(scales);
    if (format.type == WeightType::int4) matrix_.minima.resize(scales);
  }

  // Rounds inputs begin to end; errors [out, end - begin] as those behind shall take them up.
  at::Tensor round(std::int64_t begin, std::int64_t end) {
    const at::Tensor errors = at::empty({out_, end - begin}, at::kDouble);
    double* error = errors.mutable_data_ptr<double>();
    for (std::int64_t k = begin; k < end; ++k) {
      if (starts_group(k)) choose_scales(k);
      for (std::int64_t n = 0; n < out_; ++n) {
        double* row = weights_.mutable_data_ptr<double>() + n * in_;
        const double missing = (row[k] - put(n, k, static_cast<float>(row[k]))) / factor_[k * in_ + k];
        for (std::int64_t later = k + 1; later < end; ++later) row[later] -= missing * factor_[k * in_ + later];
        error[n * (end - begin) + k - begin] = missing;
      }
    }
    return errors;
  }

  StoredMatrix take() { return std::move(matrix_); }

 private:
  bool starts_group(std::int64_t k) const { return matrix_.format.group > 0 ? k % matrix_.format.group == 0 : k == 0; }

  // Of the weights as they are by now, with the errors they carry.
  void choose_scales(std::int64_t k) {
    const std::int64_t end = matrix_.format.group > 0 ? std::min(in_, k + matrix_.format.group) : in_;
    std::vector<double> importance;
    for (std::int64_t j = k; j < end; ++j) importance.push_back(1 / (factor_[j * in_ + j] * factor_[j * in_ + j]));
    for (std::int64_t n = 0; n < out_; ++n) {
      const std::vector<float> group = column_values(weights_, n, k, end);
      const GroupScale scale =
          fitted_ ? fitted_scale(group, importance, matrix_.format) : group_scale(group, matrix_.format);
      scales_[static_cast<std::size_t>(n)] = scale;
      const std::size_t at = place(n, k);
      matrix_.scales[at] = scale.scale;
      if (!matrix_.minima.empty()) matrix_.minima[at] = scale.minimum;
    }
  }

  std::size_t place(std::int64_t n, std::int64_t k) const {
    const std::int64_t group = matrix_.format.group > 0 ? k / matrix_.format.group : 0;
    return static_cast<std::size_t>(n * matrix_.groups() + group);
  }

  // What is kept of the weight.
  double put(std::int64_t n, std::int64_t k, float weight) {
    const GroupScale& scale = scales_[static_cast<std::size_t>(n)];
    const std::int8_t code = scale.code_of(weight, matrix_.format.type);
    matrix_.codes[static_cast<std::size_t>(n * in_ + k)] = code;
    return static_cast<double>(scale.value_of(code));
  }

  bool fitted_;
  at::Tensor weights_;  // [out, in], fp64
  const double* factor_;
  std::int64_t out_, in_;
  std::vector<GroupScale> scales_;  // of the group at hand
  StoredMatrix matrix_;
};

}  // namespace

StoredMatrix gptq(std::span<const float> weights, std::int64_t out, std::int64_t in, const WeightFormat& format,
                  const at::Tensor& moments, const GptqOptions& options) {
  if (!format.quantised())
    throw Error(ErrorKind::config, "GPTQ makes int8 and int4 weights, not " + format.name(), "format",
                "choose an int8 or int4 format, or method nearest");
  if (moments.dim() != 2 || moments.size(0) != in || moments.size(1) != in ||
      static_cast<std::int64_t>(weights.size()) != out * in)
    throw Error(ErrorKind::internal, "weights and moments of other sizes", "gptq", "");
  const at::Tensor factor = inverse_factor(moments, options.damping);
  const at::Tensor left = as_matrix(weights, out, in);
  Rounding rounding(left, factor, format, options.fitted_scales);
  // Blocks end where groups do, so that a group's scale knows all errors that came before it.
  const std::int64_t block =
      format.group > 0 ? std::max(options.block / format.group, std::int64_t{1}) * format.group : options.block;
  for (std::int64_t begin = 0; begin < in; begin += block) {
    const std::int64_t end = std::min(in, begin + block);
    const at::Tensor errors = rounding.round(begin, end);
    if (end < in)
      left.narrow(1, end, in - end).sub_(errors.mm(factor.narrow(0, begin, end - begin).narrow(1, end, in - end)));
  }
  return rounding.take();
}

std::vector<float> make_up_for_drift(std::span<const float> weights, std::int64_t out, std::int64_t in,
                                     const InputMoments& moments, double share, double damping) {
  const at::Tensor exact = as_matrix(weights, out, in);
  const at::Tensor factor = at::linalg_cholesky(damped_moments(moments.inputs, damping));
  // Moments are symmetric: the system is solved for the transpose.
  const at::Tensor change = at::cholesky_solve(exact.mm(moments.drift).t(), factor).t();
  const at::Tensor target = (exact + change * share).to(at::kFloat).contiguous();
  const auto* values = target.const_data_ptr<float>();
  return {values, values + target.numel()};
}

}  // namespace dynexec
