// fp32 weights packed into panels of 64 output columns: panel p holds W[64p .. 64p+63, k] side by side for k
// = 0, 1, ... One pass reads memory strictly forward, needs no sums across vector lanes, and has no tail in
// k.
#include <algorithm>

#include "kernels/linear_parts.hpp"

namespace dynexec {
namespace {

class PackedLinear final : public PanelLinear {
 public:
  PackedLinear(const std::vector<std::vector<float>>& parts, const std::vector<std::vector<float>>& biases,
               std::int64_t in, std::int64_t out, Activation activation)
      : PanelLinear({in, out, static_cast<int>(parts.size())}, {}, biases, activation) {
    for (const std::vector<float>& part : parts) check_size("weight", part.size(), in, out);
    weight_ = AlignedFloats::clustered(layout_.size(in));
    for (int p = 0; p < layout_.parts; ++p) pack(parts[static_cast<std::size_t>(p)], p);
  }

  void weight_row(std::int64_t index, float* out) const override {
    const auto place = layout_.place_of(column_of(index), part_of(index), layout_.in);
    for (std::int64_t k = 0; k < layout_.in; ++k) out[k] = weight_[place.start + k * place.step];
  }

 private:
  std::int64_t stored_bytes() const override { return weight_.size() * static_cast<std::int64_t>(sizeof(float)); }

  // In blocks of 16 x one panel, so that lines are read and written whole.
  void pack(const std::vector<float>& source, int part) {
    constexpr std::int64_t step = 16;
    const std::int64_t in = layout_.in, out = layout_.out;
    for (std::int64_t first = 0; first < out; first += layout_.part_width()) {
      const std::int64_t last = std::min(out, first + layout_.part_width());
      for (std::int64_t k = 0; k < in; k += step) {
        const std::int64_t end = std::min(in, k + step);
        for (std::int64_t n = first; n < last; ++n) {
          const auto place = layout_.place_of(n, part, in);
          const float* row = source.data() + n * in;
          for (std::int64_t i = k; i < end; ++i) weight_[place.start + i * place.step] = row[i];
        }
      }
    }
  }

  void run(const float* x, float* y, std::int64_t rows, bool add) const override {
    const KernelBranch& kernels = kernel_branch();
    run_panels(
        layout_, epilogue(nullptr, add), y, rows, [&](std::int64_t panel, std::int64_t first, int count, float* tile) {
          const int width = layout_.width_of(panel);
          kernels.product(x + first * layout_.in, layout_.in, count, weight_.data() + panel * kPanelWidth * layout_.in,
                          width, layout_.in, width, tile, kPanelWidth, false);
        });
  }

  AlignedFloats weight_;
};

}  // namespace

std::unique_ptr<Linear> make_linear_fp32(std::vector<float> weight, std::vector<float> bias, std::int64_t in_features,
                                         std::int64_t out_features, Activation activation) {
  std::vector<std::vector<float>> parts, biases;
  parts.push_back(std::move(weight));
  biases.push_back(std::move(bias));
  return std::make_unique<PackedLinear>(parts, biases, in_features, out_features, activation);
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
  return std::make_unique<PackedLinear>(parts, biases, in_features, out_features, activation);
}

}  // namespace dynexec
