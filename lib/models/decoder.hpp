// Decoder-only transformers (Llama-like families and GPT-2) for inference: plain forward code with a KV
// cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kv_cache.hpp"
#include "kernels/weight_format.hpp"
#include "models/compute_device.hpp"
#include "models/decoder_config.hpp"
#include "models/layer_formats.hpp"
#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// What one call has cost, counted by the code that ran. Weights are counted once per chunk of tokens that
// shares a pass (kPassRows); kv_bytes are cache entries written and, once per chunk, read.
struct PassCost {
  double macs = 0, weight_bytes = 0, kv_bytes = 0;
  // Time by a GPU's own clock, from the tokens' way to it to the last kernel. NaN: not measured, as on the processor.
  double device_ms = 0;
};

// Most tokens that go through a layer together; longer inputs are cut into chunks.
inline constexpr std::int64_t kPassRows = 192;

// How a decoder's matrices, and the keys and values of its sessions, are stored, and where they are computed with.
// Embeddings that the head does not share, norms and biases stay fp32; with a tied head the embedding is read from the
// head's weights.
//
// On a device other than cpu, products of the layers and of attention are made in the layers' one format, which is
// fp32, bf16 or fp16; biases, keys and values are kept in it, too. Norms, the softmax and the states between layers are
// fp32.
struct DecoderFormats {
  LayerFormats layers;
  WeightFormat head;
  CacheFormat cache = CacheFormat::fp32;
  ComputeDevice device = ComputeDevice::cpu;
  std::string name() const;  // "int8", "int8, head bf16", "fp32, kv_cache int8", "bf16, device cuda"
  bool operator==(const DecoderFormats&) const = default;
};

// Why the device cannot compute with these formats, or cannot be used here; nullopt: it can.
std::optional<DeviceProblem> format_problem(const DecoderFormats& formats);

// Gives the values of the tensor `name` with exactly `shape`, row-major, or throws.
using WeightSource = std::function<std::vector<float>(const std::string& name, const std::vector<std::int64_t>& shape)>;

struct DecoderBuild {
  DecoderFormats formats;
  FormatsOrigin origin = {};  // of the layers' formats, for errors
  LayerHooks hooks = {};      // an observer is for the own kernels alone
};

struct DecoderWeights;

class Decoder {
 public:
  // Loads, checks every shape and packs the weights (fused QKV and gate/up), rounded to the nearest where the format
  // is not theirs. Folders of quantised weights (see models/stored_weights.hpp) are taken as they are: formats.layers
  // is fp32 then, or theirs with or without rounded inputs. Throws Error(model), Error(config) for other formats and
  // those that the device has not.
  static std::shared_ptr<const Decoder> load(const ModelFolder& folder, const DecoderFormats& formats = {});
  static std::shared_ptr<const Decoder> load(const std::filesystem::path& folder, const DecoderFormats& formats = {});
  // From weights in memory, under the names of the Hugging Face layout. Errors as build.origin says for formats of
  // matrices that there are not, or that differ between a gate and its partner.
  static std::shared_ptr<const Decoder> build(DecoderConfig config, const WeightSource& source,
                                              const DecoderBuild& build = {});
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  const DecoderConfig& config() const;
  const DecoderFormats& formats() const;
  double parameters() const;
  double weight_bytes() const;  // bytes that decoding one token reads (embedding row aside)
  double memory_bytes() const;  // of all packed weights, embeddings included

 private:
  friend class DecoderSession;
  Decoder();
  std::unique_ptr<DecoderWeights> weights_;
};

// One sequence: preallocated KV cache and scratch. No allocation after construction, but for the logits
// buffer, which grows to the most rows ever asked for, and the hidden states that the first forward_early
// needs.
//
// With the own kernels the logits of a position are bitwise the same however the tokens before and beside it are cut
// into calls, for any number of threads. LibTorch's products promise nothing of the kind: on the other devices they
// differ by rounding, so that another choice between two nearly equal logits is possible.
//
// Every call returns when its logits are in the memory of the host, so that clocks of the host measure it whole. On a
// GPU calls of up to 32 tokens become graphs when their shape comes up again; the first two of a shape take longer.
class DecoderSession {
 public:
  // capacity: most positions ever held; at most config().max_positions (Error(model) otherwise).
  DecoderSession(std::shared_ptr<const Decoder> decoder, std::int64_t capacity);
  ~DecoderSession();
  DecoderSession(DecoderSession&&) noexcept;

  const Decoder& decoder() const;
  std::int64_t capacity() const;
  std::int64_t length() const;        // positions that every layer has processed
  std::int64_t early_length() const;  // positions that the first layers have processed (>= length())
  // Rolls back to the first `length` positions; O(1) with the own kernels, else O(positions rolled back).
  void truncate(std::int64_t length);

  // Runs `tokens` at positions length().. through all layers. Returns the logits of the last logit_rows
  // tokens, [logit_rows, vocab] row-major, valid until the next call. Requires early_length() == length().
  // Error(data) for ids outside the vocabulary or when the capacity is exceeded, Error(model) for logits that
  // are not finite; the session is then as before the call.
  std::span<const float> forward(std::span<const std::int32_t> tokens, std::int64_t logit_rows);

  // Self-speculation (LayerSkip): runs `tokens` at positions early_length().. through layers [0, exit_layer),
  // keeps their hidden states, and returns logits of the last logit_rows tokens from the shared final norm
  // and head. All calls between two truncations/forward_rest calls must use the same exit_layer.
  std::span<const float> forward_early(std::span<const std::int32_t> tokens, std::int64_t exit_layer,
                                       std::int64_t logit_rows);
  // Runs the pending positions [length(), early_length()) through layers [exit_layer, layers).
  std::span<const float> forward_rest(std::int64_t exit_layer, std::int64_t logit_rows);

  const PassCost& last_cost() const;
  std::size_t cache_bytes() const;
  double cache_value_bytes() const;  // of one number in a key or value, its share of the scale included
  double memory_bytes() const;       // cache, buffers and tables, the decoder's weights aside

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dynexec
