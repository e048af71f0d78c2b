// fp32 weights packed into panels of 64 output columns: panel p holds W[64p .. 64p+63, k] side by side for k
// = 0, 1, ... One pass reads memory strictly forward, needs no sums across vector lanes, and has no tail in
// k.
#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "kernels/aligned.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

// Rows whose results wait in a tile for the epilogue.
constexpr int kTileRows = 48;
// Multiply-adds below which waking another thread costs more than it saves.
constexpr double kSerialMacs = 48 * 1024;

// `parts` matrices [out, in] (one, or gate and up) whose columns alternate in half panels.
class PackedLinear final : public Linear {
 public:
  PackedLinear(std::vector<std::vector<float>> parts, std::vector<std::vector<float>> biases, std::int64_t in,
               std::int64_t out, Activation activation)
      : in_(in), out_(out), parts_(static_cast<int>(parts.size())), activation_(activation) {
    for (const std::vector<float>& part : parts) check_size("weight", part.size(), in, out);
    part_width_ = kPanelWidth / parts_;
    padded_out_ = round_up(out, kPanelStep);
    weight_ = AlignedFloats::clustered(padded_out_ * parts_ * in);
    for (int p = 0; p < parts_; ++p) pack(parts[static_cast<std::size_t>(p)], p);
    if (std::any_of(biases.begin(), biases.end(), [](const auto& bias) { return !bias.empty(); })) {
      bias_ = AlignedFloats::clustered(padded_out_ * parts_);
      for (int p = 0; p < parts_; ++p) pack_bias(biases[static_cast<std::size_t>(p)], p);
    }
  }

  std::int64_t in_features() const override { return in_; }
  std::int64_t out_features() const override { return out_; }
  std::string format() const override { return "fp32"; }
  std::int64_t weight_bytes() const override {
    return (weight_.size() + bias_.size()) * static_cast<std::int64_t>(sizeof(float));
  }
  double macs_per_row() const override {
    return static_cast<double>(parts_) * static_cast<double>(in_) * static_cast<double>(out_);
  }
  void forward(const float* x, float* y, std::int64_t rows) const override { run(x, y, rows, false); }
  void forward_add(const float* x, float* y, std::int64_t rows) const override { run(x, y, rows, true); }

  void weight_row(std::int64_t index, float* out) const override {
    const int part = static_cast<int>(index / out_);
    const Place place = place_of(index % out_, part);
    for (std::int64_t k = 0; k < in_; ++k) out[k] = weight_[place.start + k * place.width];
  }

 private:
  struct Place {
    std::int64_t start;  // of element k = 0
    std::int64_t width;  // distance to the next k
  };

  static void check_size(const char* what, std::size_t found, std::int64_t in, std::int64_t out) {
    const bool positive = in > 0 && out > 0;
    if (positive && found / static_cast<std::size_t>(in) == static_cast<std::size_t>(out) &&
        found % static_cast<std::size_t>(in) == 0) {
      return;
    }
    throw Error(ErrorKind::internal,
                std::string(what) + " has " + std::to_string(found) + " values instead of " + std::to_string(out) +
                    " x " + std::to_string(in),
                "", "");
  }

  // Columns of one part in panel p; less than part_width_ only in the last panel.
  std::int64_t columns_of(std::int64_t panel) const {
    return std::min<std::int64_t>(part_width_, padded_out_ - panel * part_width_);
  }
  Place place_of(std::int64_t column, int part) const {
    const std::int64_t panel = column / part_width_;
    const std::int64_t columns = columns_of(panel);
    return {panel * kPanelWidth * in_ + part * columns + column % part_width_, columns * parts_};
  }
  // In blocks of 16 x one panel, so that lines are read and written whole.
  void pack(const std::vector<float>& source, int part) {
    constexpr std::int64_t step = 16;
    for (std::int64_t first = 0; first < out_; first += part_width_) {
      const std::int64_t last = std::min(out_, first + part_width_);
      for (std::int64_t k = 0; k < in_; k += step) {
        const std::int64_t end = std::min(in_, k + step);
        for (std::int64_t n = first; n < last; ++n) {
          const Place place = place_of(n, part);
          const float* row = source.data() + n * in_;
          for (std::int64_t i = k; i < end; ++i) weight_[place.start + i * place.width] = row[i];
        }
      }
    }
  }
  void pack_bias(const std::vector<float>& source, int part) {
    if (source.empty()) return;
    check_size("bias", source.size(), 1, out_);
    for (std::int64_t n = 0; n < out_; ++n) {
      const std::int64_t panel = n / part_width_;
      bias_[panel * kPanelWidth + part * columns_of(panel) + n % part_width_] = source[static_cast<std::size_t>(n)];
    }
  }

  void run(const float* x, float* y, std::int64_t rows, bool add) const {
    const std::int64_t panels = (padded_out_ + part_width_ - 1) / part_width_;
    const bool serial = static_cast<double>(rows) * macs_per_row() < kSerialMacs;
    const KernelBranch& kernels = kernel_branch();
    compute_pool().split(panels, serial ? panels : 1, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t p = begin; p < end; ++p) run_panel(kernels, p, x, y, rows, add);
    });
  }

  void run_panel(const KernelBranch& kernels, std::int64_t panel, const float* x, float* y, std::int64_t rows,
                 bool add) const {
    alignas(64) float tile[kTileRows * kPanelWidth];
    const float* weight = weight_.data() + panel * kPanelWidth * in_;
    const int width = static_cast<int>(columns_of(panel)) * parts_;
    const std::int64_t first = panel * part_width_;
    const int columns = static_cast<int>(std::min<std::int64_t>(part_width_, out_ - first));
    Epilogue epilogue;
    epilogue.bias = bias_.size() ? bias_.data() + panel * kPanelWidth : nullptr;
    epilogue.activation = activation_;
    epilogue.gated = parts_ == 2;
    epilogue.add = add;
    for (std::int64_t r = 0; r < rows; r += kTileRows) {
      const int n = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - r));
      kernels.product(x + r * in_, in_, n, weight, width, in_, width, tile, kPanelWidth, false);
      kernels.finish(tile, n, width, epilogue, y + r * out_ + first, out_, columns);
    }
  }

  std::int64_t in_, out_, padded_out_ = 0;
  int parts_;
  std::int64_t part_width_ = kPanelWidth;
  Activation activation_;
  AlignedFloats weight_, bias_;
};

}  // namespace

std::unique_ptr<Linear> make_linear_fp32(std::vector<float> weight, std::vector<float> bias, std::int64_t in_features,
                                         std::int64_t out_features, Activation activation) {
  std::vector<std::vector<float>> parts, biases;
  parts.push_back(std::move(weight));
  biases.push_back(std::move(bias));
  return std::make_unique<PackedLinear>(std::move(parts), std::move(biases), in_features, out_features, activation);
}

std::unique_ptr<Linear> make_gated_linear_fp32(std::vector<float> gate, std::vector<float> up,
                                               std::vector<float> gate_bias, std::vector<float> up_bias,
                                               std::int64_t in_features, std::int64_t out_features,
                                               Activation activation) {
  std::vector<std::vector<float>> parts, biases;
  parts.push_back(std::move(gate));
  parts.push_back(std::move(up));
  biases.push_back(std::move(gate_bias));
  biases.push_back(std::move(up_bias));
  return std::make_unique<PackedLinear>(std::move(parts), std::move(biases), in_features, out_features, activation);
}

}  // namespace dynexec
