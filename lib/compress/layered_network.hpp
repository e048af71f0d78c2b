// A network as quantising sees it: layers of matrices, one behind the other. Private to the compress room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/layer_hooks.hpp"
#include "weights/model_folder.hpp"

namespace dynexec {

// The network loaded, ready to run texts.
class LayeredRun {
 public:
  virtual ~LayeredRun() = default;
  // One text, token ids, through the layers up to `layer` (from 0). Error(data) for a text that the network does not
  // take.
  virtual void text(const std::vector<std::int32_t>& ids, std::int64_t layer) = 0;
};

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
  // With the hooks, for texts of up to `longest` tokens.
  virtual std::unique_ptr<LayeredRun> load(const LayerHooks& hooks, std::int64_t longest) const = 0;
};

}  // namespace dynexec
