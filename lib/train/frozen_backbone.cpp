#include <ATen/Functions.h>
#include <fmt/format.h>

#include <cstring>

#include "base/resource_path.hpp"
#include "models/stored_weights.hpp"
#include "train/backbone.hpp"

namespace dynexec {
namespace {

class Frozen : public Backbone {
 public:
  explicit Frozen(const std::string& name)
      : name_(name), folder_(ModelFolder::open(resolve_path(name))), network_(Cnn::load(folder_)), session_(network_) {
    require_plain_weights(folder_);
    for (const CnnUnit& unit : network_->units()) units_.push_back({unit.name, unit.channels, unit.ends_block});
  }

  const std::vector<BackboneUnit>& units() const override { return units_; }
  const CnnConfig& config() const override { return network_->config(); }

  BackboneOutput forward(const at::Tensor& images, const std::vector<std::size_t>& units, bool, bool logits) override {
    const std::int64_t batch = images.size(0), each = images.numel() / batch;
    BackboneOutput out;
    for (const std::size_t unit : units) {
      const CnnUnit& about = network_->units()[unit];
      out.maps.push_back(at::empty({batch, about.size, about.size, about.channels}));
    }
    if (logits) out.logits = at::empty({batch, config().classes});
    const float* pixels = images.const_data_ptr<float>();
    for (std::int64_t i = 0; i < batch; ++i) {
      session_.start({pixels + i * each, static_cast<std::size_t>(each)});
      for (std::size_t k = 0; k < units.size(); ++k) {
        session_.run_to(units[k]);
        copy_map(session_.features(), out.maps[k], i);
      }
      if (!logits) continue;
      session_.run_to(units_.size() - 1);
      const std::span<const float> answer = session_.logits();
      std::copy(answer.begin(), answer.end(), out.logits.mutable_data_ptr<float>() + i * config().classes);
    }
    return out;
  }

  Optimiser::Named parameters() const override { return {}; }
  Optimiser::Named buffers() const override { return {}; }
  nlohmann::json config_json() const override { return folder_.config(); }
  void export_to(std::vector<TensorView>& views, std::vector<at::Tensor>&) const override {
    for (const std::string& name : folder_.tensor_names())
      if (name.rfind("exits.", 0) != 0) views.push_back(*folder_.find(name));
  }
  std::string origin() const override { return name_ + ", whose weights are unchanged"; }
  std::string fingerprint() const override { return folder_.sha256(); }

 private:
  static void copy_map(const FeatureMap& map, at::Tensor& batch, std::int64_t index) {
    const std::int64_t row = map.width() * map.channels();
    float* out = batch.mutable_data_ptr<float>() + index * map.height() * row;
    for (std::int64_t y = 0; y < map.height(); ++y)
      std::memcpy(out + y * row, map.at(y, 0), static_cast<std::size_t>(row) * sizeof(float));
  }

  std::string name_;
  ModelFolder folder_;
  std::shared_ptr<const Cnn> network_;
  CnnSession session_;
  std::vector<BackboneUnit> units_;
};

}  // namespace

std::unique_ptr<Backbone> frozen_backbone(const std::string& folder) {
  return std::make_unique<Frozen>(folder);
}

}  // namespace dynexec
