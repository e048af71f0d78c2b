// The matrices and vectors of a decoder as they are read, before an engine packs them its own way. Private to the
// models room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/stored_matrix.hpp"
#include "models/decoder.hpp"

namespace dynexec {

struct NormPart {
  std::vector<float> weight, bias;  // bias only for LayerNorm
};

struct MatrixPart {
  std::string name;         // of its tensor
  StoredMatrix weight;      // [out, in]
  std::vector<float> bias;  // [out] or empty
};

struct LayerParts {
  NormPart attention_norm, mlp_norm;
  NormPart query_norm, key_norm;  // [head_dim], Qwen3
  std::vector<MatrixPart> qkv;    // below one another [query_size + 2 kv_size, hidden], of one format or several
  MatrixPart out;                 // [hidden, query_size]
  MatrixPart mlp_in;              // [intermediate, hidden]; of gated ones the gate
  std::optional<MatrixPart> up;   // [intermediate, hidden], of gated ones, in the gate's format
  MatrixPart mlp_out;             // [hidden, intermediate]
};

// Reads the tensors of one family by name, those of layers in their format, and counts the parameters.
class DecoderReader {
 public:
  DecoderReader(const DecoderConfig& config, const WeightSource& source, const DecoderBuild& build);

  std::vector<float> embedding();  // [vocab, hidden]
  std::vector<float> head();       // [vocab, hidden], where it is not the embedding
  std::vector<float> positions();  // [max_positions, hidden], learned
  LayerParts layer(std::int64_t index);
  NormPart final_norm();
  double parameters() const { return parameters_; }
  // Names of the layers' matrices that were asked for.
  const std::vector<std::string>& matrices() const { return matrices_; }

 private:
  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape);
  std::vector<float> vector_if(bool wanted, const std::string& name, std::int64_t size);
  // GPT-2's Conv1D keeps weights as [in, out]; returns [out, in].
  std::vector<float> transposed(const std::string& name, std::int64_t out, std::int64_t in);
  NormPart norm(const std::string& name, std::int64_t size);
  // Of a layer, in its format. `values` gives [out, in].
  template <class Values>
  StoredMatrix stored(const std::string& name, std::int64_t out, std::int64_t in, const Values& values);
  StoredMatrix stored(const std::string& name, std::int64_t out, std::int64_t in);
  MatrixPart matrix(const std::string& name, std::int64_t out, std::int64_t in, bool bias);
  MatrixPart conv(const std::string& name, std::int64_t out, std::int64_t in);
  LayerParts llama_layer(const std::string& layer);
  LayerParts gpt2_layer(const std::string& layer);

  const DecoderConfig& config_;
  const WeightSource& source_;
  const DecoderBuild& build_;
  bool gpt2_;
  double parameters_ = 0;
  std::vector<std::string> matrices_;
};

}  // namespace dynexec
