// BERT-like encoders (BERT, MiniLM, DistilBERT) that run a layer at a time, so that whoever drives them may stop
// anywhere: plain forward code, no exit rule.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "models/encoder_config.hpp"
#include "models/encoder_head.hpp"
#include "models/layer_formats.hpp"
#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// Counted by the code that ran. Weights count once for all rows that share a pass.
struct EncoderCost {
  double macs = 0, weight_bytes = 0;
};

struct EncoderWeights;

class Encoder {
 public:
  // Loads, checks every shape and packs the weights (fused query, key and value). The layers' matrices are rounded to
  // the nearest in `formats`; embeddings, norms, biases and the classifier stay fp32. Folders of quantised weights (see
  // models/stored_weights.hpp) are taken as they are: `formats` is fp32 then, or theirs with or without integer
  // products. Throws Error(model), Error(config) for other formats.
  static std::shared_ptr<const Encoder> load(const ModelFolder& folder, const LayerFormats& formats = {});
  static std::shared_ptr<const Encoder> load(const std::filesystem::path& folder, const LayerFormats& formats = {});
  // The same of a folder of plain numbers, some of its layers' matrices had otherwise.
  static std::shared_ptr<const Encoder> build(const ModelFolder& folder, const LayerHooks& hooks,
                                              const LayerFormats& formats = {});
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  const EncoderConfig& config() const;
  const LayerFormats& formats() const;
  double parameters() const;    // classifier included
  double weight_bytes() const;  // of the layers and the classifier, packed: what a text reads, its embeddings aside
  double memory_bytes() const;  // the same and the embeddings
  double macs(std::int64_t tokens) const;  // of a text of so many tokens, classifier included

 private:
  friend class EncoderSession;
  Encoder();
  std::unique_ptr<EncoderWeights> weights_;
};

// Some texts on their way through the network, their tokens side by side without padding. No allocation after
// construction. A text's states are bitwise the same whatever texts are beside it and for any number of threads.
class EncoderSession {
 public:
  // At most max_rows texts at a time. Each may have config().max_positions tokens.
  explicit EncoderSession(std::shared_ptr<const Encoder> encoder, std::size_t max_rows = 1);
  ~EncoderSession();
  EncoderSession(EncoderSession&&) noexcept;

  const Encoder& encoder() const;
  std::size_t max_rows() const;
  // Takes the ids of one text, or of several. Error(data) for an empty text, too many tokens, an id outside the
  // vocabulary, or too many texts; the session is then as before.
  void start(std::span<const std::int32_t> tokens);
  void start(std::span<const std::span<const std::int32_t>> texts);
  // Runs the layers behind the last one that ran, up to `layer` (from 0).
  void run_to(std::int64_t layer);
  std::int64_t done() const;  // layers run since start()
  std::size_t rows() const;   // texts left
  // Keeps these texts (ascending indices into those that are left) and drops the others from all further layers.
  void keep(std::span<const std::size_t> rows);

  // States of a text after the last layer that ran, [tokens, hidden]; valid until the next call.
  std::span<const float> states(std::size_t row) const;
  // The first token's states of all texts, or their means: [rows, hidden].
  std::span<const float> pooled(bool mean);
  // A head's answers on the states after the last layer that ran: [rows, classes], valid until the next call.
  std::span<const float> classify(const EncoderHead& head, bool mean);
  // The checkpoint's own classifier; all layers must have run. Error(model) when there is none.
  std::span<const float> logits();

  // Of everything that ran since start(), heads included.
  const EncoderCost& cost() const;
  double memory_bytes() const;  // buffers, the weights aside

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dynexec
