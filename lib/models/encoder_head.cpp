#include "models/encoder_head.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "models/encoder_loader.hpp"

namespace dynexec {

EncoderHead::EncoderHead(std::unique_ptr<Linear> dense, std::unique_ptr<Linear> linear)
    : dense_(std::move(dense)), linear_(std::move(linear)) {}

double EncoderHead::macs_per_row() const {
  return linear_->macs_per_row() + (dense_ ? dense_->macs_per_row() : 0);
}

double EncoderHead::weight_bytes() const {
  return static_cast<double>(linear_->weight_bytes() + (dense_ ? dense_->weight_bytes() : 0));
}

void EncoderHead::classify(const float* pooled, std::int64_t rows, float* scratch, float* logits) const {
  if (dense_) dense_->forward(pooled, scratch, rows);
  linear_->forward(dense_ ? scratch : pooled, logits, rows);
}

std::vector<EncoderExit> load_encoder_exits(const ModelFolder& folder, const EncoderConfig& config) {
  const std::string where = (folder.path() / "config.json").string();
  const EncoderExitConfig exits = parse_encoder_exits(folder.config(), where, config.layers);
  if (!exits.layers.empty() && config.classes == 0)
    throw Error(ErrorKind::model, "the checkpoint has exits but no classifier", where,
                "train it again, or remove \"exits\" from config.json");
  std::vector<EncoderExit> loaded;
  EncoderLoader loader(folder);
  for (const std::int64_t layer : exits.layers) {
    const std::string prefix = fmt::format("exits.{}.", layer);
    std::unique_ptr<Linear> dense;
    if (exits.pooler) dense = loader.dense(prefix + "pooler", config.hidden, config.hidden, Activation::tanh);
    loaded.push_back({layer, EncoderHead(std::move(dense), loader.dense(prefix + "linear", config.classes,
                                                                        config.hidden, Activation::none))});
  }
  return loaded;
}

}  // namespace dynexec
