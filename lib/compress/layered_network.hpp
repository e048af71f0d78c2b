// A network as quantising sees it: layers of matrices, one behind the other. Private to the compress room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

class LayeredNetwork {
 public:
  // A decoder or an encoder; the folder must outlive it. Error(model) for other networks, Error(config) for one whose
  // weights are quantised already.
  static std::unique_ptr<const LayeredNetwork> open(const ModelFolder& folder);
  virtual ~LayeredNetwork() = default;

  virtual std::int64_t layers() const = 0;
  virtual std::int64_t max_tokens() const = 0;  // of a text
  // A matrix as the hooks' stored source is asked for it, [out, in].
  virtual std::vector<float> values(const std::string& name, std::int64_t out, std::int64_t in) const = 0;
  // Loads the network with the hooks and runs every text, token ids, through the layers up to `layer` (from 0).
  // Error(data) for texts that it does not take.
  virtual void run(const LayerHooks& hooks, const std::vector<std::vector<std::int32_t>>& texts,
                   std::int64_t layer) const = 0;
};

}  // namespace dynexec
