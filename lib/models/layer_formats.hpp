// The weight formats of a network's layers: one for all matrices, and exceptions for those that need more bits.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "kernels/weight_format.hpp"

namespace dynexec {

// As text, in configs, on the command line, in config.json and in CSVs: "int4-g32+v_proj=int8+layers.0=bf16". An
// exception is for the matrices whose tensor's name has its part between dots: v_proj, layers.0,
// model.layers.3.mlp.down_proj. Where several fit, the last one counts.
class LayerFormats {
 public:
  struct Exception {
    std::string part;
    WeightFormat format;
    bool operator==(const Exception&) const = default;
  };

  LayerFormats() = default;                                // fp32
  LayerFormats(const WeightFormat& base) : base_(base) {}  // without exceptions
  // Error(usage) for formats that are not known and exceptions without a part or a format.
  static LayerFormats parse(std::string_view text);

  std::string name() const;  // what parse() reads
  const WeightFormat& base() const { return base_; }
  const std::vector<Exception>& exceptions() const { return exceptions_; }
  // Of the matrix that is called so.
  const WeightFormat& of(const std::string& matrix) const;
  // Those that are named, each once.
  std::vector<WeightFormat> all() const;
  bool quantised() const;       // one of them at least
  bool rounded_inputs() const;  // one of them at least
  // The same types and groups, inputs as they are.
  LayerFormats without_rounded_inputs() const;
  bool operator==(const LayerFormats&) const = default;

 private:
  WeightFormat base_;
  std::vector<Exception> exceptions_;
};

// Where formats came from, which decides what an error about them is: Error(config) at what the user named, or
// Error(model) at a folder's config.json.
struct FormatsOrigin {
  ErrorKind kind = ErrorKind::config;
  std::string where;
};

// Errors for an exception that none of the matrices fits, with what it may have meant.
void require_used(const LayerFormats& formats, const std::vector<std::string>& matrices, const FormatsOrigin& origin);
// Errors for a gate and an `up` in different formats: their products are multiplied in one pass.
void require_one_format(const LayerFormats& formats, const std::string& gate, const std::string& up,
                        const FormatsOrigin& origin);

}  // namespace dynexec
