// Matrices of several formats below one another: each is a linear of its own on the same inputs.
#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "kernels/linear.hpp"

namespace dynexec {
namespace {

// [rows, width] between a matrix of `width` columns and a stripe of one with `stride` columns.
void copy_rows(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride, std::int64_t rows,
               std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r) std::copy_n(from + r * from_stride, width, to + r * to_stride);
}

class StackedLinear final : public Linear {
 public:
  explicit StackedLinear(std::vector<std::unique_ptr<Linear>> parts) : parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      out_ += part->out_features();
      widest_ = std::max(widest_, part->out_features());
    }
  }

  std::int64_t in_features() const override { return parts_.front()->in_features(); }
  std::int64_t out_features() const override { return out_; }

  std::string format() const override {
    std::vector<std::string> names;
    for (const auto& part : parts_)
      if (std::find(names.begin(), names.end(), part->format()) == names.end()) names.push_back(part->format());
    std::string all = names.front();
    for (std::size_t i = 1; i < names.size(); ++i) all += "+" + names[i];
    return all;
  }

  std::int64_t weight_bytes() const override {
    std::int64_t bytes = 0;
    for (const auto& part : parts_) bytes += part->weight_bytes();
    return bytes;
  }

  double macs_per_row() const override {
    double macs = 0;
    for (const auto& part : parts_) macs += part->macs_per_row();
    return macs;
  }

  void forward(const float* x, float* y, std::int64_t rows) const override { run(x, y, rows, false); }
  void forward_add(const float* x, float* y, std::int64_t rows) const override { run(x, y, rows, true); }

  void weight_row(std::int64_t index, float* out) const override {
    auto part = parts_.begin();
    for (; index >= (*part)->out_features(); ++part) index -= (*part)->out_features();
    (*part)->weight_row(index, out);
  }

 private:
  void run(const float* x, float* y, std::int64_t rows, bool add) const {
    for (const auto& part : parts_) {
      const std::int64_t width = part->out_features();
      if (rows == 1) {
        run_part(*part, x, y, 1, add);
      } else {
        // A linear writes dense rows. What is added to goes through it as well, so that a row's sum has one rounding
        // however many rows there are.
        static thread_local std::vector<float> scratch;
        scratch.resize(std::max(scratch.size(), static_cast<std::size_t>(rows * widest_)));
        if (add) copy_rows(y, out_, scratch.data(), width, rows, width);
        run_part(*part, x, scratch.data(), rows, add);
        copy_rows(scratch.data(), width, y, out_, rows, width);
      }
      y += width;
    }
  }

  static void run_part(const Linear& part, const float* x, float* y, std::int64_t rows, bool add) {
    if (add)
      part.forward_add(x, y, rows);
    else
      part.forward(x, y, rows);
  }

  std::vector<std::unique_ptr<Linear>> parts_;
  std::int64_t out_ = 0, widest_ = 0;
};

}  // namespace

std::unique_ptr<Linear> make_stacked_linear(std::vector<StoredMatrix> parts, std::vector<std::vector<float>> biases,
                                            Activation activation) {
  if (parts.empty() || parts.size() != biases.size())
    throw Error(ErrorKind::internal,
                std::to_string(parts.size()) + " matrices with " + std::to_string(biases.size()) + " biases", "", "");
  std::vector<std::unique_ptr<Linear>> linears;
  for (std::size_t i = 0; i < parts.size();) {
    StoredMatrix weight = std::move(parts[i]);
    std::vector<float> bias = std::move(biases[i]);
    for (++i; i < parts.size() && parts[i].format == weight.format; ++i) {
      weight.append(parts[i]);
      bias.insert(bias.end(), biases[i].begin(), biases[i].end());
    }
    linears.push_back(make_linear(std::move(weight), std::move(bias), activation));
    if (linears.back()->in_features() != linears.front()->in_features())
      throw Error(ErrorKind::internal, "matrices of different inputs are put below one another", "", "");
  }
  if (linears.size() == 1) return std::move(linears.front());
  return std::make_unique<StackedLinear>(std::move(linears));
}

}  // namespace dynexec
