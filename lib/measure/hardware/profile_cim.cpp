#include "measure/hardware/profile_read.hpp"

namespace dynexec::profile_read {

CimFigures cim(const Node& node) {
  CimFigures c;
  const Node device = node.at("device");
  c.device = words(device, "value");
  c.device_source = words(device, "source");
  c.rows = figure(node, "rows", kCount);
  c.cols = figure(node, "cols", kCount);
  c.weight_bits = figure(node, "weight_bits", kBits);
  c.cell_bits = figure(node, "cell_bits", kBits);
  c.activation_bits = figure(node, "activation_bits", kBits);
  c.dac_bits = figure(node, "dac_bits", kBits);
  c.phases = figure(node, "phases", kCount);
  c.cycle_ns = figure(node, "cycle_ns", kPositive);
  c.adc_bits = figure(node, "adc_bits", {.low = 1, .high = 16, .whole = true});
  c.adc_ref_bits = figure(node, "adc_ref_bits", {.low = 1, .high = 16, .whole = true});
  c.adc_pj = figure(node, "adc_pJ", kNotNegative);
  c.adc_mux = figure(node, "adc_mux", kCount);
  c.dac_pj = figure(node, "dac_pJ", kNotNegative);
  c.cell_read_fj = figure(node, "cell_read_fJ", kNotNegative);
  c.shift_add_pj = figure(node, "shift_add_pJ", kNotNegative);
  c.buffer_pj_b = figure(node, "buffer_pJ_B", kNotNegative);
  c.write_nj = figure(node, "write_nJ", kNotNegative);
  c.write_ns = figure(node, "write_ns", kNotNegative);
  c.endurance = figure(node, "endurance", kPositive);
  c.capacity_cells = figure(node, "capacity_cells", kCount);
  c.effective_bits = figure(node, "effective_bits", kPositive);
  c.sigma_prog = figure(node, "sigma_prog", kNotNegative);
  return c;
}

}  // namespace dynexec::profile_read

namespace dynexec {

std::vector<FigureRow> figure_rows(const HardwareProfile& p) {
  std::vector<FigureRow> rows{{"node", "nm", p.node_nm}, {"vdd", "V", p.vdd}};
  for (const NumberFormat& f : p.formats) {
    rows.push_back({f.name + " bits", "", f.bits});
    rows.push_back({f.name + " energy", "pJ/MAC", f.mac_pj});
    rows.push_back({f.name + " peak", "op/s", f.peak_ops});
    rows.push_back({f.name + " utilisation", "", f.utilisation});
  }
  for (const MemoryLevel& level : p.memory) {
    rows.push_back({level.name + " size", "B", level.bytes});
    rows.push_back({level.name + " read", "pJ/B", level.read_pj_b});
    rows.push_back({level.name + " write", "pJ/B", level.write_pj_b});
    rows.push_back({level.name + " bandwidth", "GB/s", level.gb_s});
  }
  rows.push_back({"static power", "W", p.static_w});
  if (p.points) {
    const OperatingPoints& points = *p.points;
    const OperatingPoint &low = points.levels.front(), &high = points.levels.back();
    rows.push_back({"lowest frequency", "MHz", {low.mhz, points.source, points.factor}});
    rows.push_back({"highest frequency", "MHz", {high.mhz, points.source, points.factor}});
    rows.push_back({"voltage at the lowest", "V", {low.volts, points.volts_source, points.volts_factor}});
    rows.push_back({"voltage at the highest", "V", {high.volts, points.volts_source, points.volts_factor}});
    rows.push_back({"switched capacitance", "nF", points.c_eff_nf});
    rows.push_back({"frequency change", "us", points.switch_us});
    rows.push_back({"frequency change", "uJ", points.switch_uj});
  }
  if (!p.cim) return rows;
  const CimFigures& c = *p.cim;
  const FigureRow arrays[] = {{"array rows", "", c.rows},
                              {"array columns", "", c.cols},
                              {"weight", "bits", c.weight_bits},
                              {"cell", "bits", c.cell_bits},
                              {"activation", "bits", c.activation_bits},
                              {"input converter", "bits", c.dac_bits},
                              {"reads a cycle", "", c.phases},
                              {"cycle", "ns", c.cycle_ns},
                              {"output converter", "bits", c.adc_bits},
                              {"its reference", "bits", c.adc_ref_bits},
                              {"conversion there", "pJ", c.adc_pj},
                              {"columns a converter", "", c.adc_mux},
                              {"row drive", "pJ", c.dac_pj},
                              {"cell read", "fJ", c.cell_read_fj},
                              {"shift and add", "pJ", c.shift_add_pj},
                              {"buffers", "pJ/B", c.buffer_pj_b},
                              {"cell write", "nJ", c.write_nj},
                              {"row write", "ns", c.write_ns},
                              {"endurance", "writes", c.endurance},
                              {"capacity", "cells", c.capacity_cells},
                              {"effective precision", "bits", c.effective_bits},
                              {"programming noise", "of the largest weight", c.sigma_prog}};
  rows.insert(rows.end(), std::begin(arrays), std::end(arrays));
  return rows;
}

}  // namespace dynexec
