// What a person or a script sees of a run: its summary rows as a table, CSV, JSON or Markdown.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "measure/rows.hpp"

namespace dynexec {

enum class Format { table, csv, json, md };

// Throws Error(usage) with "did you mean" for another name.
Format parse_format(const std::string& name);

struct TableStyle {
  std::size_t width = 100;  // columns of the terminal; 0: unlimited
  bool colour = false;      // ANSI colours
};

// table and md: the columns that matter for a decision, then notes (disturbed and failed rows, reasons of
// invalid rows with their remedies). csv and json: every column of the field table; csv is the text of
// summary.csv.
std::string render_summary(std::span<const SummaryRow> rows, Format format, const TableStyle& style = {});

// Header and rows of samples.csv or summary.csv, every column of the field table.
template <class Row>
std::string csv_header();
template <class Row>
std::string csv_line(const Row& row);

// JSON array of objects with the field table's keys; missing values are null.
template <class Row>
std::string render_json(std::span<const Row> rows);

// A table of plain text: aligned columns, wrapped into stacked blocks (each starting with the first column)
// when it is wider than the terminal. The first column and those of text are left-aligned.
struct Cell {
  std::string text;
  enum class Tone { plain, good, bad, dim } tone = Tone::plain;
};
struct TextTable {
  struct Column {
    std::string title;
    bool left = false;
  };
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // each as long as columns
};
std::string render_text_table(const TextTable& table, const TableStyle& style);
std::string render_markdown_table(const TextTable& table);

}  // namespace dynexec
