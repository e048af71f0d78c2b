#include "measure/hardware/cim.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dynexec {

double cim_slices(const CimFigures& figures) {
  return std::ceil(figures.weight_bits.value / figures.cell_bits.value);
}

// With s slices a weight, c input cycles, p reads a cycle and R x C cells an array:
//   arrays      = ceil(K / R) ceil(N s / C)
//   cycles      = M c p mux                       (the arrays of a layer work at the same time)
//   conversions = M c p ceil(K / R) N s
//   row drives  = M c p K ceil(N s / C)
//   cell reads  = M c p K N s
// Every conversion costs adc_pj 2^(bits - reference bits) and a shift-and-add; inputs and outputs pass through the
// buffers once.
CimCost cim_layer(const CimFigures& f, const MatrixShape& shape) {
  CimCost cost;
  if (!(shape.m > 0)) return cost;
  const double slices = cim_slices(f), columns = shape.n * slices;
  const double row_tiles = std::ceil(shape.k / f.rows.value), column_tiles = std::ceil(columns / f.cols.value);
  const double reads = shape.m * std::ceil(f.activation_bits.value / f.dac_bits.value) * f.phases.value;
  cost.arrays = row_tiles * column_tiles;
  cost.cells = shape.k * columns;
  cost.cycles = reads * f.adc_mux.value;
  cost.conversions = reads * row_tiles * columns;
  cost.ms = cost.cycles * f.cycle_ns.value * 1e-6;

  constexpr double kPico = 1e-12;
  cost.adc_joules = cost.conversions * f.adc_pj.value * std::exp2(f.adc_bits.value - f.adc_ref_bits.value) * kPico;
  cost.dac_joules = reads * shape.k * column_tiles * f.dac_pj.value * kPico;
  cost.cell_joules = reads * shape.k * columns * f.cell_read_fj.value * 1e-15;
  cost.digital_joules = cost.conversions * f.shift_add_pj.value * kPico;
  const double bytes = shape.m * (shape.k + shape.n) * f.activation_bits.value / 8;
  cost.buffer_joules = bytes * f.buffer_pj_b.value * kPico;
  cost.joules = cost.adc_joules + cost.dac_joules + cost.cell_joules + cost.digital_joules + cost.buffer_joules;
  return cost;
}

CimWrite cim_write(const CimFigures& f, double cells) {
  return {.ms = std::ceil(cells / f.cols.value) * f.write_ns.value * 1e-6, .joules = cells * f.write_nj.value * 1e-9};
}

CimCapacity cim_capacity(const CimFigures& f, double cells) {
  const double excess = std::max(0.0, cells - f.capacity_cells.value);
  if (excess == 0) return {0, std::numeric_limits<double>::infinity()};
  return {excess / cells, f.endurance.value * f.capacity_cells.value / excess};
}

}  // namespace dynexec
