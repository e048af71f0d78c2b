#include "measure/hardware/cim.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "toy_profile.hpp"

using namespace dynexec;
using namespace dynexec_test;
using doctest::Approx;

namespace {

CimFigures shipped_arrays() {
  return *shipped("analogue_cim")->cim;
}

double pj_per_mac(const CimFigures& figures, const MatrixShape& shape) {
  return cim_layer(figures, shape).joules / shape.macs() * 1e12;
}

}  // namespace

TEST_CASE("a layer by hand") {
  const auto profile = profile_of(toy_yaml("1", toy_cim()));
  // K = 6, N = 3, M = 5 on 4 x 4 cells. 4 bits in cells of 2: 2 slices, 6 columns.
  const CimCost cost = cim_layer(*profile->cim, {6, 3, 5});
  CHECK(cost.arrays == 4);         // ceil(6/4) x ceil(6/4)
  CHECK(cost.cells == 36);         // 6 x 6
  CHECK(cost.cycles == 20);        // 5 vectors x 2 input cycles x 2 columns a converter
  CHECK(cost.conversions == 120);  // 5 x 2 x ceil(6/4) x 6
  CHECK(cost.ms == Approx(20 * 10e-6));
  CHECK(cost.adc_joules == Approx(120 * 4e-12));     // 1 pJ at 6 bits, 4 pJ at 8
  CHECK(cost.dac_joules == Approx(120 * 0.5e-12));   // 5 x 2 x 6 rows x 2 arrays
  CHECK(cost.cell_joules == Approx(360 * 100e-15));  // 5 x 2 x 6 x 6
  CHECK(cost.digital_joules == Approx(120 * 0.25e-12));
  CHECK(cost.buffer_joules == Approx(45 * 2e-12));  // 5 x (6 + 3) bytes
  CHECK(cost.joules == Approx(696e-12));
  CHECK(cim_layer(*profile->cim, {6, 3, 0}).joules == 0);
}

TEST_CASE("the shipped chip has the measured energy of its anchor") {
  CimFigures chip = shipped_arrays();
  const MatrixShape full{256, 256, 1};
  // 63.1 TOPS at 9.76 TOPS/W, two operations a multiply-accumulate: 2 / 9.76 = 0.205 pJ.
  CHECK(pj_per_mac(chip, full) == Approx(2 / 9.76).epsilon(0.01));
  CHECK(64 * 2 * full.macs() / cim_layer(chip, full).ms * 1e-9 == Approx(63.1).epsilon(0.01));
  // Four phases: 16.1 TOPS at 2.48 TOPS/W, 0.806 pJ. Buffers are not read four times.
  chip.phases.value = 4;
  CHECK(pj_per_mac(chip, full) == Approx(2 / 2.48).epsilon(0.1));
  CHECK(64 * 2 * full.macs() / cim_layer(chip, full).ms * 1e-9 == Approx(16.1).epsilon(0.03));
}

TEST_CASE("more bits of the converters cost twice as much each; their share is the published one where it is built") {
  CimFigures chip = shipped_arrays();
  double before = 0, share_before = 0;
  for (int bits = 4; bits <= 9; ++bits) {
    CAPTURE(bits);
    chip.adc_bits.value = bits;
    const CimCost cost = cim_layer(chip, {256, 256, 10});
    const double share = cost.adc_joules / cost.joules;
    if (bits > 4) CHECK(cost.adc_joules == Approx(2 * before));
    CHECK(share > share_before);
    if (bits == 8) {
      CHECK(share > 0.3);
      CHECK(share < 0.6);
    }
    before = cost.adc_joules;
    share_before = share;
  }
}

TEST_CASE("a matrix that leaves rows empty pays for its conversions all the same") {
  const CimFigures chip = shipped_arrays();
  CHECK(pj_per_mac(chip, {64, 256, 1}) > 1.5 * pj_per_mac(chip, {256, 256, 1}));
  // One row beyond an array needs another: twice the conversions.
  CHECK(cim_layer(chip, {257, 256, 1}).conversions == 2 * cim_layer(chip, {256, 256, 1}).conversions);
}

TEST_CASE("what does not fit is written for every input, and wears the cells out") {
  const auto profile = profile_of(toy_yaml("1", toy_cim("100")));
  const CimFigures& arrays = *profile->cim;
  CHECK(cim_capacity(arrays, 100).reload_share == 0);
  CHECK(std::isinf(cim_capacity(arrays, 100).inputs_until_worn));
  const CimCapacity over = cim_capacity(arrays, 125);
  CHECK(over.reload_share == Approx(0.2));
  CHECK(over.inputs_until_worn == Approx(4e7));  // 25 of 100 cells an input, 10^7 writes each
  const CimWrite write = cim_write(arrays, 25);
  CHECK(write.joules == Approx(25 * 6e-9));
  CHECK(write.ms == Approx(7 * 150e-6));  // rows of 4 cells
}
