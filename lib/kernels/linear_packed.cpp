// Weights of other formats than fp32, in the panels of linear_fp32.cpp: a byte (int4: half a byte, bf16 and fp16: two)
// for every weight, and the scales of groups beside them.
#include "kernels/linear_parts.hpp"

namespace dynexec {
namespace {

std::int64_t pairs_of(std::int64_t in) {
  return (in + 1) / 2;
}

PackedProduct product_of(WeightType type) {
  const KernelBranch& kernels = kernel_branch();
  switch (type) {
    case WeightType::bf16:
      return kernels.product_bf16;
    case WeightType::fp16:
      return kernels.product_fp16;
    case WeightType::int8:
      return kernels.product_int8;
    default:
      return kernels.product_int4;
  }
}

class StoredLinear final : public PanelLinear {
 public:
  StoredLinear(const std::vector<StoredMatrix>& parts, const std::vector<std::vector<float>>& biases,
               Activation activation)
      : PanelLinear(layout_of(parts), parts.front().format, biases, activation), scales_(layout_, parts) {
    for (const StoredMatrix& part : parts)
      check_size("weight", halves() ? part.halves.size() : part.codes.size(), layout_.in, layout_.out);
    codes_ = AlignedBytes::clustered(layout_.size(code_rows()) * (halves() ? 2 : 1));
    for (int p = 0; p < layout_.parts; ++p) pack_codes(parts[static_cast<std::size_t>(p)], p);
  }

  void weight_row(std::int64_t index, float* out) const override {
    const std::int64_t column = column_of(index);
    const int part = part_of(index);
    const auto place = layout_.place_of(column, part, code_rows());
    for (std::int64_t k = 0; k < layout_.in; ++k) out[k] = scales_.value(code_at(place, k), column, part, k);
  }

 private:
  std::int64_t stored_bytes() const override { return codes_.size() + scales_.bytes(); }
  bool halves() const { return format_.type == WeightType::bf16 || format_.type == WeightType::fp16; }
  std::int64_t code_rows() const { return format_.type == WeightType::int4 ? pairs_of(layout_.in) : layout_.in; }

  void pack_codes(const StoredMatrix& part, int p) {
    for (std::int64_t n = 0; n < layout_.out; ++n) {
      const auto place = layout_.place_of(n, p, code_rows());
      for (std::int64_t k = 0; k < layout_.in; ++k) {
        const auto from = static_cast<std::size_t>(n * layout_.in + k);
        if (halves()) {
          codes_.as<std::uint16_t>()[place.start + k * place.step] = part.halves[from];
        } else if (format_.type == WeightType::int8) {
          codes_.as<std::int8_t>()[place.start + k * place.step] = part.codes[from];
        } else {
          std::uint8_t& both = codes_.as<std::uint8_t>()[place.start + k / 2 * place.step];
          both = static_cast<std::uint8_t>(both | (part.codes[from] << (k % 2 * 4)));
        }
      }
    }
  }

  float code_at(const PanelLayout::Place& place, std::int64_t k) const {
    if (format_.type == WeightType::bf16) return from_bf16(codes_.as<std::uint16_t>()[place.start + k * place.step]);
    if (format_.type == WeightType::fp16) return from_fp16(codes_.as<std::uint16_t>()[place.start + k * place.step]);
    if (format_.type == WeightType::int8) return codes_.as<std::int8_t>()[place.start + k * place.step];
    const int both = codes_.as<std::uint8_t>()[place.start + k / 2 * place.step];
    return static_cast<float>(k % 2 == 0 ? both & 15 : both >> 4);
  }

  // What minima are multiplied with: [rows, groups], each in the order of k.
  const float* group_sums(const float* x, std::int64_t rows) const {
    if (!scales_.minima(0)) return nullptr;
    const std::int64_t groups = scales_.groups();
    static thread_local std::vector<float> sums;
    const KernelBranch& kernels = kernel_branch();
    sums.resize(static_cast<std::size_t>(rows * groups));
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t begin = g * format_.group, end = std::min(layout_.in, begin + format_.group);
        sums[static_cast<std::size_t>(r * groups + g)] =
            static_cast<float>(kernels.sum(x + r * layout_.in + begin, end - begin));
      }
    return sums.data();
  }

  void run(const float* x, float* y, std::int64_t rows, bool add) const override {
    const PackedProduct product = product_of(format_.type);
    const float* sums = group_sums(x, rows);
    const std::int64_t code_bytes = halves() ? 2 : 1;
    run_panels(layout_, epilogue(scales_.columns(), add), y, rows,
               [&](std::int64_t panel, std::int64_t first, int count, float* tile) {
                 const PackedPanel packed{
                     .codes = codes_.as<std::uint8_t>() + panel * kPanelWidth * code_rows() * code_bytes,
                     .scales = scales_.scales(panel),
                     .minima = scales_.minima(panel),
                     .group = format_.group,
                     .sums = sums ? sums + first * scales_.groups() : nullptr};
                 product(x + first * layout_.in, layout_.in, count, packed, layout_.in, layout_.width_of(panel), tile,
                         kPanelWidth);
               });
  }

  PackedScales scales_;
  AlignedBytes codes_;
};

std::unique_ptr<Linear> make_stored(const std::vector<StoredMatrix>& parts,
                                    const std::vector<std::vector<float>>& biases, Activation activation) {
  const WeightFormat& format = parts.front().format;
  if (format.rounded_inputs)
    return format.quantised() ? make_integer_linear(parts, biases, activation)
                              : make_pair_linear(parts, biases, activation);
  return std::make_unique<StoredLinear>(parts, biases, activation);
}

}  // namespace

std::unique_ptr<Linear> make_linear(StoredMatrix weight, std::vector<float> bias, Activation activation) {
  if (weight.format.type == WeightType::fp32)
    return make_linear_fp32(std::move(weight.floats), std::move(bias), weight.in, weight.out, activation);
  std::vector<StoredMatrix> parts;
  parts.push_back(std::move(weight));
  const std::vector<std::vector<float>> biases{std::move(bias)};
  return make_stored(parts, biases, activation);
}

std::unique_ptr<Linear> make_gated_linear(StoredMatrix gate, StoredMatrix up, std::vector<float> gate_bias,
                                          std::vector<float> up_bias, Activation activation) {
  if (gate.format.type == WeightType::fp32)
    return make_gated_linear_fp32(std::move(gate.floats), std::move(up.floats), std::move(gate_bias),
                                  std::move(up_bias), gate.in, gate.out, activation);
  std::vector<StoredMatrix> parts;
  parts.push_back(std::move(gate));
  parts.push_back(std::move(up));
  const std::vector<std::vector<float>> biases{std::move(gate_bias), std::move(up_bias)};
  return make_stored(parts, biases, activation);
}

}  // namespace dynexec
