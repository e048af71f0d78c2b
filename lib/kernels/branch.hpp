// The inner loops, one table of functions per instruction set. Every function gives bitwise the same result
// for a row however many rows are passed along with it; results may differ between branches by rounding.
#pragma once

#include <cstdint>

namespace dynexec {

// Columns of a full weight panel; partial panels and other products use any multiple of kPanelStep up to it.
inline constexpr int kPanelWidth = 64;
inline constexpr int kPanelStep = 16;

enum class Activation { none, silu, gelu, gelu_tanh, relu, tanh };

// What happens to a finished tile [rows, width] of a product before it is stored.
struct Epilogue {
  const float* scale = nullptr;  // of the product, before the bias; width values in tile order, or none
  const float* bias = nullptr;   // likewise
  Activation activation = Activation::none;
  bool gated = false;  // the tile's first half are gates: result = activation(first half) * second half
  bool add = false;    // add to the destination instead of overwriting it
  // Added before the activation, in the layout of the destination; row stride `residual_stride`. None when null.
  const float* residual = nullptr;
  std::int64_t residual_stride = 0;
  // Beside the destination, and not with `add`: the results times `inverse`, to the nearest whole number from 0 to
  // `highest`; row stride `bytes_stride`. None when null.
  std::uint8_t* bytes = nullptr;
  std::int64_t bytes_stride = 0;
  float inverse = 0, highest = 0;
};

// One image [places, channels], in fp32 or bf16 (as its bits). All else is fp32, [channels].
template <class T>
struct GroupNormKernels {
  // Adds up x and x^2 over the places.
  void (*moments)(const T* x, std::int64_t places, std::int64_t channels, float* sums, float* squares);
  // out = f(x * scale + shift), f silu or nothing.
  void (*apply)(const T* x, std::int64_t places, std::int64_t channels, const float* scale, const float* shift,
                bool silu, T* out);
  // With g = gradient * f'(x * scale + shift): adds up g and g * x over the places.
  void (*gradient_moments)(const T* x, const T* gradient, std::int64_t places, std::int64_t channels,
                           const float* scale, const float* shift, bool silu, float* sums, float* products);
  // out = g * scale + x * slope + level.
  void (*gradient_apply)(const T* x, const T* gradient, std::int64_t places, std::int64_t channels, const float* scale,
                         const float* shift, bool silu, const float* slope, const float* level, T* out);
};

// A panel of a weight format other than fp32: for every k the codes of `width` columns side by side; of int4 those of k
// and k + 1 share a byte, the even k in its low half.
struct PackedPanel {
  const void* codes = nullptr;
  // With groups: [groups, width] in fp16. The weight is code * scale + minimum; no minima: 0.
  const std::uint16_t* scales = nullptr;
  const std::uint16_t* minima = nullptr;
  std::int64_t group = 0;       // steps of k that share a scale, even; 0: none, codes count as they are
  const float* sums = nullptr;  // with minima: of x over every group, [rows, groups]
};
// c[r * ldc + j] = sum over k < depth of x[r * ldx + k] * w[k, j], j < width; per (r, j) in an order that does not
// depend on the rows. width is a multiple of kPanelStep, at most kPanelWidth.
using PackedProduct = void (*)(const float* x, std::int64_t ldx, int rows, const PackedPanel& panel, std::int64_t depth,
                               int width, float* c, std::int64_t ldc);

// Rows of x in whole numbers: x[r, k] is about codes[r, k] * scales[r, k / group].
struct IntegerRows {
  const std::int8_t* codes = nullptr;  // [rows, stride], zeros behind the row up to whole steps of 8
  std::int64_t stride = 0;             // a multiple of 8
  const float* scales = nullptr;       // [rows, groups]
  const std::int32_t* sums = nullptr;  // of the codes, [rows, groups]
  std::int64_t group = 0;              // a multiple of 8
};
// As PackedProduct with products of whole numbers, which are exact, so all branches differ only where groups are added
// up. Panels: [k / 4, width, 4] bytes, int8 codes plus 128; int4 codes [k / 8, width, 4], those of k to k + 3 in the
// low halves, of k + 4 to k + 7 in the high ones; zeros (int8: 128) behind the last k. Groups of weights are x's.
using IntegerProduct = void (*)(const IntegerRows& x, int rows, const PackedPanel& panel, std::int64_t depth, int width,
                                float* c, std::int64_t ldc);

// Rows of x in bf16, as its bits: [rows, stride], stride even, a zero behind the row where it is odd.
struct Bf16Rows {
  const std::uint16_t* codes = nullptr;
  std::int64_t stride = 0;
};
// As PackedProduct, of bf16 with bf16, added up in fp32, the odd k of a pair before the even one. Panels:
// [k / 2, width, 2], zeros behind the last k. Instructions for pairs take numbers below 2^-126 for zero.
using PairProduct = void (*)(const Bf16Rows& x, int rows, const PackedPanel& panel, std::int64_t depth, int width,
                             float* c, std::int64_t ldc);

// Pixels side by side as a convolution reads them: kernel row r of pixel p starts at x + p * step + r * row and is
// `depth` bytes long, a multiple of 4.
struct PixelBytes {
  const std::uint8_t* x = nullptr;
  std::int64_t step = 0, row = 0, depth = 0;
  int rows = 0;  // of the kernel
};
// c[p * ldc + j] = sum over kernel rows and depth of bytes times weights [rows, depth / 4, width, 4], in whole numbers:
// exact below 2^31, for bytes up to the branch's highest_byte. width is a multiple of kPanelStep, at most kPanelWidth.
using PixelProduct = void (*)(const PixelBytes& in, int pixels, const std::int8_t* weight, int width, float* c,
                              std::int64_t ldc);

struct KernelBranch {
  const char* name;

  // c[r * ldc + j] (+)= sum over k of x[r * ldx + k] * b[k * ldb + j], j < width; k ascends in one chain per
  // (r, j). width is a multiple of kPanelStep, at most kPanelWidth.
  void (*product)(const float* x, std::int64_t ldx, int rows, const float* b, std::int64_t ldb, std::int64_t depth,
                  int width, float* c, std::int64_t ldc, bool accumulate);
  PackedProduct product_bf16, product_fp16, product_int8, product_int4;
  IntegerProduct integer_int8, integer_int4;
  PairProduct pairs_bf16;
  PixelProduct pixels_int8;
  // Of an input, 255 or 127: without instructions for products of bytes they are added in 16 bits, with saturation.
  std::int32_t highest_byte;
  // One group of a row: scale = largest |x| / 127, codes to the nearest, and their sum. Not finite where x is not.
  void (*round_group)(const float* x, std::int64_t size, std::int8_t* codes, float* scale, std::int32_t* sum);
  // To the bits of bf16: nearest, ties to even; infinities and NaN stay what they are.
  void (*round_bf16)(const float* x, std::int64_t size, std::uint16_t* codes);
  // x and codes [places, channels], inverse [channels]: codes = x * inverse + zero to the nearest, from 0 to highest.
  void (*round_bytes)(const float* x, std::int64_t places, std::int64_t channels, const float* inverse, float zero,
                      float highest, std::uint8_t* codes);
  // Stores the first `columns` results of each row of tile [rows, kPanelWidth] (row stride kPanelWidth) at y.
  void (*finish)(const float* tile, int rows, int width, const Epilogue& epilogue, float* y, std::int64_t ldy,
                 int columns);

  // out = x / sqrt(mean(x^2) + eps) * weight; x and out may be the same.
  void (*rms_norm)(const float* x, const float* weight, std::int64_t size, float eps, float* out);
  // out = (x - mean) / sqrt(variance + eps) * weight + bias; x and out may be the same.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, std::int64_t size, float eps, float* out);
  // Half-split rotation in place: (a, b) = (x[i], x[i + half]) -> (a cos - b sin, b cos + a sin).
  void (*rotate_half)(float* x, const float* cosine, const float* sine, int half);

  // One step of the online softmax for one row. scores [count] become probabilities relative to the new
  // running maximum; what lies behind them up to a whole vector is overwritten. Updates maximum and sum and
  // returns the factor by which what was accumulated so far has to be multiplied.
  float (*softmax_span)(float* scores, int count, float scale, float* maximum, float* sum);
  // out[r, c] = codes[r, c] * scales[c], or * scales[r]. columns is a multiple of kPanelStep.
  void (*widen_columns)(const std::int8_t* codes, const float* scales, std::int64_t rows, std::int64_t columns,
                        float* out);
  void (*widen_rows)(const std::int8_t* codes, const float* scales, std::int64_t rows, std::int64_t columns,
                     float* out);
  // x *= factor
  void (*scale)(float* x, std::int64_t size, float factor);

  // out[i] = exp((x[i] - shift) * factor), returns the sum of out in double precision.
  double (*exp_sum)(const float* x, std::int64_t size, float shift, float factor, float* out);
  // Sums in blocks: fp32 within a few hundred values, double precision beyond.
  double (*sum)(const float* x, std::int64_t size);
  // Sum of weight[i] * (x[i] - shift).
  double (*weighted_sum)(const float* weight, const float* x, std::int64_t size, float shift);
  float (*maximum)(const float* x, std::int64_t size);
  bool (*all_finite)(const float* x, std::int64_t size);

  // Bag of features: each of `rows` rows [words] of scores becomes u = 1 / (1 + exp(-(slope * score + shift))), is
  // divided by the sum of its u, and is added to sums [words]. scratch: words values, rounded up to 16.
  void (*add_codes)(const float* scores, std::int64_t rows, std::int64_t words, float slope, float shift,
                    float* scratch, float* sums);
  // The other way, for slope 1 and shift 0: adds to out [rows, words] the gradient of sum(gradient * sums).
  void (*add_code_gradients)(const float* scores, std::int64_t rows, std::int64_t words, const float* gradient,
                             float* scratch, float* out);

  // Normalisation of groups of channels, on maps with the channels innermost.
  GroupNormKernels<float> group_norm;
  GroupNormKernels<std::uint16_t> group_norm_bf16;
};

// The table in use (see kernel_branches() in kernels/linear.hpp).
const KernelBranch& kernel_branch();

// Whether the processor adds up products of bytes in 32 bits; without, instructions for them saturate at 16.
bool cpu_has_vnni();

// One per translation unit that is compiled for an instruction set; null where the compiler's target lacks
// it.
const KernelBranch* avx512bf16_branch();
const KernelBranch* avx512vnni_branch();
const KernelBranch* avx512_branch();
const KernelBranch* avx2_branch();
const KernelBranch* portable_branch();

}  // namespace dynexec
