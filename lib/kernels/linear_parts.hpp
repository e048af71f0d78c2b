// What linears of stored weights are put together from. Private to the kernels room.
#pragma once

#include <vector>

#include "kernels/aligned.hpp"
#include "kernels/linear.hpp"
#include "kernels/panel_layout.hpp"
#include "kernels/panel_run.hpp"

namespace dynexec {

// A linear on panels: what it is, whatever its weights look like.
class PanelLinear : public Linear {
 public:
  std::int64_t in_features() const override { return layout_.in; }
  std::int64_t out_features() const override { return layout_.out; }
  std::string format() const override { return format_.name(); }
  std::int64_t weight_bytes() const override {
    return stored_bytes() + bias_.size() * static_cast<std::int64_t>(sizeof(float));
  }
  double macs_per_row() const override { return macs_of(layout_); }
  void forward(const float* x, float* y, std::int64_t rows) const override { run(x, y, rows, false); }
  void forward_add(const float* x, float* y, std::int64_t rows) const override { run(x, y, rows, true); }

 protected:
  PanelLinear(const PanelLayout& layout, const WeightFormat& format, const std::vector<std::vector<float>>& biases,
              Activation activation)
      : layout_(layout), format_(format), activation_(activation), bias_(pack_biases(layout, biases)) {}

  virtual std::int64_t stored_bytes() const = 0;  // biases aside
  virtual void run(const float* x, float* y, std::int64_t rows, bool add) const = 0;
  // `scale`: one a column, or null.
  Epilogue epilogue(const float* scale, bool add) const {
    return {.scale = scale, .bias = bias_.data(), .activation = activation_, .add = add};
  }
  // Of row `index` of all parts' weights.
  std::int64_t column_of(std::int64_t index) const { return index % layout_.out; }
  int part_of(std::int64_t index) const { return static_cast<int>(index / layout_.out); }

  PanelLayout layout_;
  WeightFormat format_;

 private:
  Activation activation_;
  AlignedFloats bias_;
};

// Scales and minima of all columns, in the order of the panels.
class PackedScales {
 public:
  // Error(internal) where their numbers are not those of the layout and format.
  PackedScales(const PanelLayout& layout, const std::vector<StoredMatrix>& parts);

  std::int64_t groups() const { return groups_; }  // with scales of their own
  std::int64_t bytes() const;
  // Those of a panel, null where the format has none.
  const std::uint16_t* scales(std::int64_t panel) const { return of(scales_, panel); }
  const std::uint16_t* minima(std::int64_t panel) const { return of(minima_, panel); }
  const float* columns() const { return columns_.data(); }  // one a column
  // What a code stands for.
  float value(float code, std::int64_t column, int part, std::int64_t k) const;

 private:
  AlignedBytes pack(const std::vector<StoredMatrix>& parts, std::vector<float> StoredMatrix::*values) const;
  const std::uint16_t* of(const AlignedBytes& values, std::int64_t panel) const {
    return values.size() > 0 ? values.as<std::uint16_t>() + panel * kPanelWidth * groups_ : nullptr;
  }

  PanelLayout layout_;
  WeightFormat format_;
  std::int64_t groups_;
  AlignedBytes scales_, minima_;
  AlignedFloats columns_;
};

inline PanelLayout layout_of(const std::vector<StoredMatrix>& parts) {
  return {parts.front().in, parts.front().out, static_cast<int>(parts.size())};
}

std::unique_ptr<Linear> make_integer_linear(const std::vector<StoredMatrix>& parts,
                                            const std::vector<std::vector<float>>& biases, Activation activation);
std::unique_ptr<Linear> make_pair_linear(const std::vector<StoredMatrix>& parts,
                                         const std::vector<std::vector<float>>& biases, Activation activation);

}  // namespace dynexec
