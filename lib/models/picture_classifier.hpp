// A network that says which of many labels hold in a picture, for scoring pictures that were generated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/cnn.hpp"

namespace dynexec {

struct PictureLabels {
  // Labels that follow each other. Of an exclusive group one holds: a softmax over it, where others are sigmoids.
  struct Group {
    std::string name;
    std::size_t first = 0, count = 0;
    bool exclusive = false;
  };
  std::vector<std::string> names;
  std::vector<Group> groups;  // in their order; every label is in one
};

// Logits, one a label, become probabilities.
void to_probabilities(const PictureLabels& labels, std::span<float> logits);

struct LayerMap {
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<float> values;  // [channels, height, width]
};

struct PictureJudgement {
  std::vector<float> probabilities;  // one a label
  std::vector<float> features;       // what the last layer sees; for a distance between sets of pictures
  std::vector<LayerMap> maps;        // the network's last map of each size, large to small; if asked for
};

class PictureClassifier {
 public:
  // A network of Cnn's families whose config.json names its labels, "id2label": {"0": "texture/plain", ...}, and their
  // groups, "label_groups": [{"name": "texture", "labels": 5, "exclusive": true}, ...]. Throws Error(model) naming key
  // or tensor.
  static std::shared_ptr<const PictureClassifier> load(const std::filesystem::path& folder);

  const Cnn& network() const { return *network_; }
  const PictureLabels& labels() const { return labels_; }
  std::size_t feature_width() const;

  // pictures: [count, channels, size, size] in [0, 1]; each is judged as it would be alone. May be called from several
  // threads at once. Error(data) for another size and values that are not finite.
  std::vector<PictureJudgement> judge(std::span<const float> pictures, bool maps = false) const;

 private:
  PictureClassifier(std::shared_ptr<const Cnn> network, PictureLabels labels);
  PictureJudgement judge_one(CnnSession& session, std::span<const float> picture, bool maps) const;

  std::shared_ptr<const Cnn> network_;
  PictureLabels labels_;
  std::vector<bool> keeps_map_;  // of each unit
};

}  // namespace dynexec
