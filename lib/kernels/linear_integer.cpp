// Products of int8 rows with int8 or int4 weights in whole numbers: four steps of k lie side by side for every column,
// as the dot products of bytes want them.
#include <cstring>

#include "kernels/linear_parts.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kBytes = 4;   // of a column and step
constexpr std::int64_t kStride = 8;  // rows of x are padded to whole steps of int4
constexpr std::uint8_t kInt8Offset = 128;

std::int64_t round_up(std::int64_t count, std::int64_t step) {
  return (count + step - 1) / step * step;
}

// The rows of one call. Kept from call to call, so that nothing is allocated.
struct RowBuffer {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
};

class IntegerLinear final : public PanelLinear {
 public:
  IntegerLinear(const std::vector<StoredMatrix>& parts, const std::vector<std::vector<float>>& biases,
                Activation activation)
      : PanelLinear(layout_of(parts), parts.front().format, biases, activation),
        scales_(layout_, parts),
        codes_(AlignedBytes::clustered(layout_.size(steps()) * kBytes)) {
    if (!nibbles()) std::memset(codes_.as<std::uint8_t>(), kInt8Offset, static_cast<std::size_t>(codes_.size()));
    for (int p = 0; p < layout_.parts; ++p) {
      const StoredMatrix& part = parts[static_cast<std::size_t>(p)];
      check_size("weight", part.codes.size(), layout_.in, layout_.out);
      for (std::int64_t n = 0; n < layout_.out; ++n)
        for (std::int64_t k = 0; k < layout_.in; ++k)
          put(n, p, k, part.codes[static_cast<std::size_t>(n * layout_.in + k)]);
    }
  }

  void weight_row(std::int64_t index, float* out) const override {
    const std::int64_t column = column_of(index);
    const int part = part_of(index);
    for (std::int64_t k = 0; k < layout_.in; ++k) {
      const int byte = codes_.as<std::uint8_t>()[place_of(column, part, k)];
      const int code = !nibbles() ? byte - kInt8Offset : k % kStride < kBytes ? byte & 15 : byte >> 4;
      out[k] = scales_.value(static_cast<float>(code), column, part, k);
    }
  }

 private:
  std::int64_t stored_bytes() const override { return codes_.size() + scales_.bytes(); }
  bool nibbles() const { return format_.type == WeightType::int4; }
  std::int64_t values_a_step() const { return nibbles() ? kStride : kBytes; }
  std::int64_t steps() const { return round_up(layout_.in, values_a_step()) / values_a_step(); }
  std::int64_t group() const { return format_.group > 0 ? format_.group : kActivationGroup; }

  std::int64_t place_of(std::int64_t column, int part, std::int64_t k) const {
    const auto place = layout_.place_of(column, part, steps());
    return (place.start + k / values_a_step() * place.step) * kBytes + k % kBytes;
  }

  void put(std::int64_t column, int part, std::int64_t k, std::int8_t code) {
    std::uint8_t& byte = codes_.as<std::uint8_t>()[place_of(column, part, k)];
    if (!nibbles())
      byte = static_cast<std::uint8_t>(code + kInt8Offset);
    else
      byte = static_cast<std::uint8_t>(byte | (code << (k % kStride < kBytes ? 0 : 4)));
  }

  IntegerRows round_rows(const float* x, std::int64_t rows) const {
    static thread_local RowBuffer buffer;
    const std::int64_t stride = round_up(layout_.in, kStride), groups = (layout_.in + group() - 1) / group();
    buffer.codes.assign(static_cast<std::size_t>(rows * stride), 0);
    buffer.scales.resize(static_cast<std::size_t>(rows * groups));
    buffer.sums.resize(buffer.scales.size());
    const KernelBranch& kernels = kernel_branch();
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t begin = g * group(), size = std::min(group(), layout_.in - begin);
        const auto at = static_cast<std::size_t>(r * groups + g);
        kernels.round_group(x + r * layout_.in + begin, size, buffer.codes.data() + r * stride + begin,
                            &buffer.scales[at], &buffer.sums[at]);
      }
    return {.codes = buffer.codes.data(),
            .stride = stride,
            .scales = buffer.scales.data(),
            .sums = buffer.sums.data(),
            .group = group()};
  }

  void run(const float* x, float* y, std::int64_t rows, bool add) const override {
    const IntegerRows all = round_rows(x, rows);
    const std::int64_t groups = (layout_.in + group() - 1) / group();
    const KernelBranch& kernels = kernel_branch();
    const IntegerProduct product = nibbles() ? kernels.integer_int4 : kernels.integer_int8;
    run_panels(layout_, epilogue(scales_.columns(), add), y, rows,
               [&](std::int64_t panel, std::int64_t first, int count, float* tile) {
                 const PackedPanel packed{.codes = codes_.as<std::uint8_t>() + panel * kPanelWidth * steps() * kBytes,
                                          .scales = scales_.scales(panel),
                                          .minima = scales_.minima(panel),
                                          .group = format_.group};
                 const IntegerRows here{.codes = all.codes + first * all.stride,
                                        .stride = all.stride,
                                        .scales = all.scales + first * groups,
                                        .sums = all.sums + first * groups,
                                        .group = all.group};
                 product(here, count, packed, layout_.in, layout_.width_of(panel), tile, kPanelWidth);
               });
  }

  PackedScales scales_;
  AlignedBytes codes_;
};

}  // namespace

std::unique_ptr<Linear> make_integer_linear(const std::vector<StoredMatrix>& parts,
                                            const std::vector<std::vector<float>>& biases, Activation activation) {
  return std::make_unique<IntegerLinear>(parts, biases, activation);
}

}  // namespace dynexec
