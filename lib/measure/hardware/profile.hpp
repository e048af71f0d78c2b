// A machine as a table of figures, each with its source: what a modelled time or energy is computed from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/node.hpp"
#include "measure/rows.hpp"

namespace dynexec {

// A number, where it comes from, and how far it may be off: the truth is believed to lie within value / factor and
// value * factor.
struct Figure {
  double value = kMissing;
  std::string source;
  double factor = 1;
};

// Arithmetic of one number format.
struct NumberFormat {
  std::string name;    // "fp32"
  Figure bits;         // of a stored weight
  Figure mac_pj;       // energy of a multiply-accumulate at the highest operating point, pJ
  Figure peak_ops;     // operations per second at the highest operating point, two a multiply-accumulate
  Figure utilisation;  // share of the peak that a network reaches
};

// The first level that is large enough holds the weights; the last one holds everything and has a clock of its own.
struct MemoryLevel {
  std::string name;
  Figure bytes;
  Figure read_pj_b, write_pj_b;  // pJ a byte
  Figure gb_s;                   // 10^9 bytes per second, at the highest operating point
};

struct OperatingPoint {
  double mhz = 0, volts = 0;
};

// P(f) = static_w + c_eff V(f)^2 f, beside the arithmetic and the memory. No factor of one half: c_eff includes it.
struct OperatingPoints {
  std::vector<OperatingPoint> levels;  // ascending
  std::string source, volts_source;
  double factor = 1, volts_factor = 1;
  Figure c_eff_nf;
  Figure switch_us, switch_uj;  // of a change of the operating point: the machine stands still and pays
};

// Matrix-vector products inside resistive memory (Wolters et al. 2024 name the parts).
struct CimFigures {
  std::string device, device_source;  // "PCM"
  Figure rows, cols;                  // of an array
  Figure weight_bits, cell_bits;      // ceil(weight_bits / cell_bits) columns hold a weight
  Figure activation_bits, dac_bits;   // ceil(activation_bits / dac_bits) input cycles
  Figure phases;                      // reads a cycle (signs or precision apart)
  Figure cycle_ns;                    // of a read of all rows, conversion included
  Figure adc_bits, adc_ref_bits;      // adc_pj holds at adc_ref_bits and doubles with every bit
  Figure adc_pj, adc_mux;             // columns that share a converter take turns
  Figure dac_pj, cell_read_fj, shift_add_pj, buffer_pj_b;
  Figure write_nj, write_ns;  // of a cell; of a row
  Figure endurance;           // writes of a cell
  Figure capacity_cells;
  Figure effective_bits, sigma_prog;  // precision of a product; programming noise relative to the largest weight
};

struct HardwareProfile {
  std::string name, source;
  Figure node_nm, vdd;
  std::vector<NumberFormat> formats;
  std::vector<MemoryLevel> memory;
  Figure static_w;
  std::optional<OperatingPoints> points;
  std::optional<CimFigures> cim;

  // Throws Error(config) at file:line:column: a figure without source, out of range, or a key that nobody knows.
  static HardwareProfile load(const std::string& path);
  static HardwareProfile parse(const std::string& text, const std::string& name);

  // nullptr when the profile does not have it.
  const NumberFormat* find_format(const std::string& format) const;
  std::vector<std::string> format_names() const;
};

// A row of a profile as people read it.
struct FigureRow {
  std::string name, unit;
  Figure figure;
};
// Every figure of the profile, in the order of the file.
std::vector<FigureRow> figure_rows(const HardwareProfile& profile);

}  // namespace dynexec
