#include "experiments/decoder_sessions.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "experiments/weights_key.hpp"

namespace dynexec {

DecoderFormats read_formats(const Node& node, const std::string& prefix, const DecoderFormats& fallback) {
  const bool int8 = fallback.cache == CacheFormat::int8;
  const std::string key = prefix + "device";
  const DecoderFormats formats{
      .layers = read_layer_formats(node, prefix + "weights", fallback.layers),
      .head = read_weight_format(node, prefix + "head_weights", fallback.head),
      .cache = node.get_choice(prefix + "kv_cache", int8 ? "int8" : "fp32", {"fp32", "int8"}) == "int8"
                   ? CacheFormat::int8
                   : CacheFormat::fp32,
      .device = compute_device(node.get_choice(key, compute_device_name(fallback.device), compute_device_names()))};
  if (const auto problem = format_problem(formats))
    throw Error(ErrorKind::config, problem->what, node.has(key) ? node.at(key).place() : node.place(), problem->hint);
  return formats;
}

DecoderSessions::DecoderSessions(std::string role, const std::string& path)
    : role_(std::move(role)), path_(path), folder_(ModelFolder::open(resolve_path(path))) {}

std::shared_ptr<DecoderSession> DecoderSessions::get(const DecoderFormats& formats, std::int64_t capacity) {
  auto& session = sessions_[formats.name()];
  if (!session) {
    const auto decoder = Decoder::load(folder_, formats);
    session = std::make_shared<DecoderSession>(decoder, std::min(capacity, decoder->config().max_positions));
  }
  return session;
}

double DecoderSessions::memory_bytes() const {
  double most = 0;
  for (const auto& [name, session] : sessions_) most = std::max(most, session->decoder().memory_bytes());
  return most;
}

Provenance DecoderSessions::provenance() const {
  return {.role = role_,
          .path = path_,
          .sha256 = folder_.sha256(),
          .parameters = sessions_.begin()->second->decoder().parameters()};
}

}  // namespace dynexec
