// Matrix-vector products in analogue arrays: time, energy and where it goes. After Wolters et al. (arXiv 2406.08413)
// and Horowitz (ISSCC 2014); the formulas stand in cim.cpp.
#pragma once

#include <cstdint>

#include "measure/hardware/profile.hpp"

namespace dynexec {

// K x N weights that meet M input vectors: a linear layer on M rows, or a convolution with M output pixels.
struct MatrixShape {
  double k = 0, n = 0, m = 0;
  double macs() const { return k * n * m; }
};

struct CimCost {
  double arrays = 0, cells = 0;        // occupied
  double cycles = 0, conversions = 0;  // one after the other; in all
  double ms = 0, joules = 0;           // reads alone
  double adc_joules = 0, dac_joules = 0, cell_joules = 0, digital_joules = 0, buffer_joules = 0;
};

// One layer whose weights stay in their arrays.
CimCost cim_layer(const CimFigures& figures, const MatrixShape& shape);

// Writing `cells` weights' cells, the rows one after the other.
struct CimWrite {
  double ms = 0, joules = 0;
};
CimWrite cim_write(const CimFigures& figures, double cells);

// What a network of `cells` cells costs beyond its reads when it exceeds the capacity: the part that does not fit is
// written anew for every input.
struct CimCapacity {
  double reload_share = 0;       // of every layer's cells
  double inputs_until_worn = 0;  // endurance spread over all cells; infinite when nothing is written
};
CimCapacity cim_capacity(const CimFigures& figures, double cells);

// Columns that hold a weight.
double cim_slices(const CimFigures& figures);

}  // namespace dynexec
