// Language models of a config in the formats that its paths ask for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "config/node.hpp"
#include "measure/contract.hpp"
#include "models/decoder.hpp"

namespace dynexec {

// The keys `weights`, `head_weights`, `kv_cache` and `device`, with `prefix` before them. Error(config) with its place
// for formats that the device does not compute with, and for a device that is not here.
DecoderFormats read_formats(const Node& node, const std::string& prefix, const DecoderFormats& fallback);

// One model in as many formats as paths ask for, each with a session of its own.
class DecoderSessions {
 public:
  // Of the model folder at `path`, as the config names it.
  DecoderSessions(std::string role, const std::string& path);

  // The same for the same formats. capacity: positions, bounded by the model's.
  std::shared_ptr<DecoderSession> get(const DecoderFormats& formats, std::int64_t capacity);
  // Of the largest one's weights: paths run one at a time on a device that holds what they need.
  double memory_bytes() const;
  Provenance provenance() const;  // after the first get()
  DecoderConfig config() const { return parse_decoder_config(folder_); }

 private:
  std::string role_, path_;
  ModelFolder folder_;
  std::map<std::string, std::shared_ptr<DecoderSession>> sessions_;
};

}  // namespace dynexec
