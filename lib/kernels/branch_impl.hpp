// The table of one instruction set. Included after one simd_*.hpp; internal linkage.
#pragma once

#include "kernels/group_norm_impl.hpp"
#include "kernels/integer_product_impl.hpp"
#include "kernels/packed_product_impl.hpp"
#include "kernels/pair_product_impl.hpp"
#include "kernels/pixel_product_impl.hpp"
#include "kernels/product_impl.hpp"
#include "kernels/rows_impl.hpp"

namespace dynexec {
namespace {

constexpr KernelBranch make_branch(const char* name) {
  return {name,
          product,
          packed_product<Bf16Codes>,
          packed_product<Fp16Codes>,
          packed_product<Int8Codes>,
          packed_product<Int4Codes>,
          integer_product<Bytes8>,
          integer_product<Bytes4>,
          pair_product,
          pixel_product,
          kHighestByte,
          round_group,
          round_bf16,
          round_bytes,
          finish,
          rms_norm,
          layer_norm,
          rotate_half,
          softmax_span,
          widen_columns,
          widen_rows,
          scale,
          exp_sum,
          sum,
          weighted_sum,
          maximum,
          all_finite,
          add_codes,
          add_code_gradients,
          group_norm_kernels<float>(),
          group_norm_kernels<std::uint16_t>()};
}

}  // namespace
}  // namespace dynexec
