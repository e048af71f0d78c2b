// Products of bf16 rows with bf16 weights: two steps of k lie side by side for every column, as the dot products of
// pairs want them.
#include "kernels/linear_parts.hpp"

namespace dynexec {
namespace {

class PairLinear final : public PanelLinear {
 public:
  PairLinear(const std::vector<StoredMatrix>& parts, const std::vector<std::vector<float>>& biases,
             Activation activation)
      : PanelLinear(layout_of(parts), parts.front().format, biases, activation),
        codes_(AlignedBytes::clustered(layout_.size(pairs()) * kPairBytes)) {
    for (int p = 0; p < layout_.parts; ++p) {
      const StoredMatrix& part = parts[static_cast<std::size_t>(p)];
      check_size("weight", part.halves.size(), layout_.in, layout_.out);
      for (std::int64_t n = 0; n < layout_.out; ++n)
        for (std::int64_t k = 0; k < layout_.in; ++k)
          codes_.as<std::uint16_t>()[place_of(n, p, k)] = part.halves[static_cast<std::size_t>(n * layout_.in + k)];
    }
  }

  void weight_row(std::int64_t index, float* out) const override {
    for (std::int64_t k = 0; k < layout_.in; ++k)
      out[k] = from_bf16(codes_.as<std::uint16_t>()[place_of(column_of(index), part_of(index), k)]);
  }

 private:
  static constexpr std::int64_t kPairBytes = 4;

  std::int64_t stored_bytes() const override { return codes_.size(); }
  std::int64_t pairs() const { return (layout_.in + 1) / 2; }
  std::int64_t place_of(std::int64_t column, int part, std::int64_t k) const {
    const auto place = layout_.place_of(column, part, pairs());
    return (place.start + k / 2 * place.step) * 2 + k % 2;
  }

  Bf16Rows round_rows(const float* x, std::int64_t rows) const {
    // Kept from call to call, so that nothing is allocated.
    static thread_local std::vector<std::uint16_t> buffer;
    const std::int64_t stride = pairs() * 2;
    buffer.resize(static_cast<std::size_t>(rows * stride));
    for (std::int64_t r = 0; r < rows; ++r) {
      std::uint16_t* row = buffer.data() + r * stride;
      row[stride - 1] = 0;
      kernel_branch().round_bf16(x + r * layout_.in, layout_.in, row);
    }
    return {.codes = buffer.data(), .stride = stride};
  }

  void run(const float* x, float* y, std::int64_t rows, bool add) const override {
    const Bf16Rows all = round_rows(x, rows);
    const PairProduct product = kernel_branch().pairs_bf16;
    run_panels(
        layout_, epilogue(nullptr, add), y, rows, [&](std::int64_t panel, std::int64_t first, int count, float* tile) {
          const PackedPanel packed{.codes = codes_.as<std::uint8_t>() + panel * kPanelWidth * pairs() * kPairBytes};
          const Bf16Rows here{.codes = all.codes + first * all.stride, .stride = all.stride};
          product(here, count, packed, layout_.in, layout_.width_of(panel), tile, kPanelWidth);
        });
  }

  AlignedBytes codes_;
};

}  // namespace

std::unique_ptr<Linear> make_pair_linear(const std::vector<StoredMatrix>& parts,
                                         const std::vector<std::vector<float>>& biases, Activation activation) {
  return std::make_unique<PairLinear>(parts, biases, activation);
}

}  // namespace dynexec
