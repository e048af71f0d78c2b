#include "models/exit_heads.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "kernels/bag_of_features.hpp"
#include "kernels/branch.hpp"
#include "kernels/pool2d.hpp"
#include "models/cnn_maps.hpp"
#include "models/json_fields.hpp"

namespace dynexec {
namespace {

constexpr std::int64_t kMostCodewords = 1024, kMostHidden = 4096;
constexpr std::int64_t kBagSide = 2;  // regions in each direction

class Part {
 public:
  Part(const ModelFolder& folder, std::size_t unit) : folder_(folder), prefix_(fmt::format("exits.{}.", unit)) {}

  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const TensorView view = folder_.require(prefix_ + name, shape);
    std::vector<float> values(static_cast<std::size_t>(view.elements()));
    copy_as_f32(view, values);
    return values;
  }
  // Rows of a matrix that the checkpoint alone decides.
  std::int64_t rows(const std::string& name, std::int64_t most) const {
    const auto view = folder_.find(prefix_ + name);
    if (!view || view->shape.empty() || view->shape[0] < 1 || view->shape[0] > most)
      throw Error(ErrorKind::model, fmt::format("the tensor is missing or not of 1 to {} rows", most), prefix_ + name,
                  "train the exits again, or remove \"exits\" from config.json");
    return view->shape[0];
  }

 private:
  const ModelFolder& folder_;
  std::string prefix_;
};

class LinearHead : public ExitHead {
 public:
  LinearHead(const Part& part, std::int64_t channels, std::int64_t classes)
      : pooled_(static_cast<std::size_t>(channels)),
        linear_(make_linear_fp32(part.read("linear.weight", {classes, channels}), part.read("linear.bias", {classes}),
                                 channels, classes)) {}

  double macs() const override { return linear_->macs_per_row(); }
  double weight_bytes() const override { return static_cast<double>(linear_->weight_bytes()); }
  double buffer_bytes() const override { return static_cast<double>(pooled_.size() * sizeof(float)); }
  void classify(const FeatureMap& map, std::span<float> logits) override {
    adaptive_average_pool(map, 1, pooled_.data());
    linear_->forward(pooled_.data(), logits.data(), 1);
  }

 private:
  std::vector<float> pooled_;
  std::unique_ptr<Linear> linear_;
};

class BagOfFeaturesHead : public ExitHead {
 public:
  BagOfFeaturesHead(const Part& part, const CnnUnit& unit, std::int64_t classes)
      : codewords_(part.rows("codebook.weight", kMostCodewords)),
        conv_({unit.channels, codewords_, 1, 1, 0}, part.read("codebook.weight", {codewords_, unit.channels, 1, 1}),
              part.read("codebook.bias", {codewords_})),
        slope_(part.read("slope", {1})[0]),
        shift_(part.read("shift", {1})[0]),
        scores_(unit.size, unit.size, codewords_, 0),
        scratch_(
            static_cast<std::size_t>(kBagSide * kBagSide * ((codewords_ + kPanelStep - 1) / kPanelStep * kPanelStep))),
        histogram_(static_cast<std::size_t>(kBagSide * kBagSide * codewords_)),
        linear_(fold(part, classes)) {}

  double macs() const override { return conv_.macs(scores_) + linear_->macs_per_row(); }
  double weight_bytes() const override { return static_cast<double>(conv_.weight_bytes() + linear_->weight_bytes()); }
  double buffer_bytes() const override {
    return static_cast<double>(scores_.bytes()) +
           static_cast<double>((scratch_.size() + histogram_.size()) * sizeof(float));
  }

  void classify(const FeatureMap& map, std::span<float> logits) override {
    conv_.forward(map, scores_, Activation::none);
    // (tanh(z) + 1) / 2 is the logistic function of 2z.
    pool_codes(scores_, kBagSide, 2 * slope_, 2 * shift_, scratch_.data(), histogram_.data());
    linear_->forward(histogram_.data(), logits.data(), 1);
  }

 private:
  // out(hidden(x)) as one layer, for histograms whose codewords are innermost (the checkpoint's are outermost).
  std::unique_ptr<Linear> fold(const Part& part, std::int64_t classes) const {
    const std::int64_t regions = kBagSide * kBagSide, in = regions * codewords_;
    const std::int64_t hidden = part.rows("hidden.weight", kMostHidden);
    const std::vector<float> first = part.read("hidden.weight", {hidden, in}),
                             offset = part.read("hidden.bias", {hidden}),
                             second = part.read("out.weight", {classes, hidden}),
                             last = part.read("out.bias", {classes});
    const auto n = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    std::vector<float> weight(n(classes * in)), bias(last);
    for (std::int64_t o = 0; o < classes; ++o) {
      std::vector<double> row(n(in), 0.0);
      double constant = static_cast<double>(last[n(o)]);
      for (std::int64_t h = 0; h < hidden; ++h) {
        const auto factor = static_cast<double>(second[n(o * hidden + h)]);
        constant += factor * static_cast<double>(offset[n(h)]);
        for (std::int64_t i = 0; i < in; ++i) row[n(i)] += factor * static_cast<double>(first[n(h * in + i)]);
      }
      bias[n(o)] = static_cast<float>(constant);
      for (std::int64_t k = 0; k < codewords_; ++k)
        for (std::int64_t r = 0; r < regions; ++r)
          weight[n(o * in + r * codewords_ + k)] = static_cast<float>(row[n(k * regions + r)]);
    }
    return make_linear_fp32(std::move(weight), std::move(bias), in, classes);
  }

  std::int64_t codewords_;
  Conv2d conv_;
  float slope_, shift_;
  FeatureMap scores_;
  std::vector<float> scratch_, histogram_;
  std::unique_ptr<Linear> linear_;
};

}  // namespace

const std::vector<std::string>& exit_head_kinds() {
  static const std::vector<std::string> kinds{"linear", "bof"};
  return kinds;
}

std::vector<ExitPoint> load_exit_heads(const ModelFolder& folder, const Cnn& network) {
  std::vector<ExitPoint> exits;
  const JsonFields config(folder.config(), (folder.path() / "config.json").string());
  if (!config.has("exits")) return exits;
  const JsonFields fields = config.child("exits");
  const std::string kind = fields.text("kind", "linear");
  const std::vector<std::string>& kinds = exit_head_kinds();
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
    fields.refuse("kind", "unknown head '" + kind + "'", "use linear or bof");
  const auto units = static_cast<std::int64_t>(network.units().size());
  double map_bytes = 0;
  for (const std::int64_t unit : fields.integers("units", 0, units - 1)) {
    if (!exits.empty() && static_cast<std::size_t>(unit) <= exits.back().unit)
      fields.refuse("units", "the units do not ascend", "list each unit once, in order");
    const auto index = static_cast<std::size_t>(unit);
    const CnnUnit& about = network.units()[index];
    const Part part(folder, index);
    const std::int64_t classes = network.config().classes;
    if (kind == "linear") {
      exits.push_back({index, std::make_unique<LinearHead>(part, about.channels, classes)});
    } else {
      map_bytes += MapShape{about.size, part.rows("codebook.weight", kMostCodewords), 0}.bytes();
      require_room_for_maps(map_bytes, (folder.path() / "config.json").string());
      exits.push_back({index, std::make_unique<BagOfFeaturesHead>(part, about, classes)});
    }
  }
  return exits;
}

}  // namespace dynexec
