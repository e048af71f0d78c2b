#include "pictures/scene_judge.hpp"

#include "base/error.hpp"
#include "data/scenes/labels.hpp"
#include "image/feature_distance.hpp"

namespace dynexec {
namespace {

std::vector<Planes> planes_of(const std::vector<LayerMap>& maps) {
  std::vector<Planes> planes;
  for (const LayerMap& map : maps)
    planes.push_back({.values = map.values, .channels = map.channels, .height = map.height, .width = map.width});
  return planes;
}

}  // namespace

double SceneJudgement::accuracy(const scenes::Promises& promises) const {
  return scenes::check_promises(promises, seen_.probabilities).share();
}

double SceneJudgement::distance(const SceneJudgement& other) const {
  return feature_distance(planes_of(seen_.maps), planes_of(other.seen_.maps));
}

SceneJudge::SceneJudge(const std::filesystem::path& folder, const ImageShape& pictures)
    : classifier_(PictureClassifier::load(folder)) {
  if (classifier_->labels().names != scenes::label_names())
    throw Error(ErrorKind::model, "the classifier has other labels than scenes have", folder.string(),
                "train one with dynexec train configs/train/scenes_classifier.yaml");
  const CnnConfig& config = classifier_->network().config();
  if (pictures.channels != config.in_channels || pictures.height != config.image_size ||
      pictures.width != config.image_size)
    throw Error(ErrorKind::model, "the classifier sees pictures of another size than the model makes", folder.string(),
                "use a model of scenes, or leave `judge` out");
}

SceneJudgement SceneJudge::judge(std::span<const float> pixels) const {
  std::vector<float> shifted(pixels.begin(), pixels.end());
  for (float& value : shifted) value = (value + 1) / 2;
  return SceneJudgement(std::move(classifier_->judge(shifted, true).front()));
}

}  // namespace dynexec
