// The few products of dense matrices that the Fréchet distance needs, in double, row by row.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dynexec {

// [rows, inner] x [inner, columns] -> [rows, columns]
std::vector<double> product(std::span<const double> left, std::span<const double> right, std::size_t rows,
                            std::size_t inner, std::size_t columns);

// [rows, columns] -> [columns, rows]
std::vector<double> transposed(std::span<const double> matrix, std::size_t rows, std::size_t columns);

// Sum over i of weights[i] r_i r_i^T for the rows r_i of [rows, width] -> [width, width], symmetric. Rows of weight 0
// cost nothing. No weights: all 1.
std::vector<double> outer_products(std::span<const double> matrix, std::size_t rows, std::size_t width,
                                   std::span<const double> weights = {});

}  // namespace dynexec
