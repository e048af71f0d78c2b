#include "models/picture_classifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "models/json_fields.hpp"

namespace dynexec {
namespace {

std::vector<std::string> read_names(const JsonFields& fields, std::size_t classes) {
  const std::string key = "id2label";
  const auto refuse = [&](const std::string& what) {
    fields.refuse(key, what, "write the name of every label by its number");
  };
  if (!fields.has(key)) refuse("the key is missing");
  const nlohmann::json& listed = fields.object().at(key);
  if (!listed.is_object() || listed.size() != classes)
    refuse(fmt::format("expected {} names, one for each output", classes));
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (std::size_t label = 0; label < classes; ++label) {
    const auto found = listed.find(std::to_string(label));
    if (found == listed.end() || !found->is_string()) refuse(fmt::format("label {} has no name", label));
    names.push_back(found->get<std::string>());
    if (!seen.insert(names.back()).second) refuse("two labels are called '" + names.back() + "'");
  }
  return names;
}

std::vector<PictureLabels::Group> read_groups(const JsonFields& fields, std::size_t classes) {
  const std::string key = "label_groups", hint = "see the card of a classifier that `dynexec train` wrote";
  if (!fields.has(key)) fields.refuse(key, "the key is missing: not a classifier of pictures", hint);
  const nlohmann::json& listed = fields.object().at(key);
  if (!listed.is_array() || listed.empty()) fields.refuse(key, "expected a list of groups", hint);
  std::vector<PictureLabels::Group> groups;
  std::size_t first = 0;
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const std::string where = fmt::format("{}[{}]", key, i);
    if (!listed[i].is_object()) fields.refuse(where, "expected a mapping", hint);
    const JsonFields group(listed[i], fields.where() + ": " + where);
    const auto count = static_cast<std::size_t>(group.integer("labels", 1, static_cast<std::int64_t>(classes)));
    groups.push_back({group.text("name", ""), first, count, group.boolean("exclusive", false)});
    if (groups.back().name.empty()) group.refuse("name", "the group has no name", hint);
    first += count;
  }
  if (first != classes)
    fields.refuse(key, fmt::format("the groups have {} labels, the network {}", first, classes), hint);
  return groups;
}

LayerMap planes_of(const FeatureMap& map) {
  LayerMap planes{map.channels(), map.height(), map.width(), {}};
  const std::int64_t area = map.height() * map.width();
  planes.values.resize(static_cast<std::size_t>(area * map.channels()));
  for (std::int64_t y = 0; y < map.height(); ++y)
    for (std::int64_t x = 0; x < map.width(); ++x) {
      const float* pixel = map.at(y, x);
      float* out = planes.values.data() + y * map.width() + x;
      for (std::int64_t c = 0; c < map.channels(); ++c) out[c * area] = pixel[c];
    }
  return planes;
}

void softmax(std::span<float> values) {
  const float highest = *std::max_element(values.begin(), values.end());
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - highest);
  for (float& value : values) value /= sum;
}

}  // namespace

void to_probabilities(const PictureLabels& labels, std::span<float> logits) {
  for (const PictureLabels::Group& group : labels.groups) {
    const std::span<float> values = logits.subspan(group.first, group.count);
    if (group.exclusive) {
      softmax(values);
    } else {
      for (float& value : values) value = 1 / (1 + std::exp(-value));
    }
  }
}

std::shared_ptr<const PictureClassifier> PictureClassifier::load(const std::filesystem::path& path) {
  const ModelFolder folder = ModelFolder::open(path);
  const JsonFields fields(folder.config(), (folder.path() / "config.json").string());
  const CnnConfig config = parse_cnn_config(folder.config(), fields.where());
  const auto classes = static_cast<std::size_t>(config.classes);
  PictureLabels labels{.names = read_names(fields, classes), .groups = read_groups(fields, classes)};
  return std::shared_ptr<const PictureClassifier>(new PictureClassifier(Cnn::load(folder), std::move(labels)));
}

PictureClassifier::PictureClassifier(std::shared_ptr<const Cnn> network, PictureLabels labels)
    : network_(std::move(network)), labels_(std::move(labels)) {
  const std::vector<CnnUnit>& units = network_->units();
  for (std::size_t u = 0; u < units.size(); ++u)
    keeps_map_.push_back(u + 1 == units.size() || units[u + 1].size != units[u].size);
}

std::size_t PictureClassifier::feature_width() const {
  return network_->embedding_width();
}

PictureJudgement PictureClassifier::judge_one(CnnSession& session, std::span<const float> picture, bool maps) const {
  PictureJudgement judgement;
  session.start(picture);
  for (std::size_t unit = 0; maps && unit < keeps_map_.size(); ++unit) {
    if (!keeps_map_[unit]) continue;
    session.run_to(unit);
    judgement.maps.push_back(planes_of(session.features()));
  }
  session.run_to(keeps_map_.size() - 1);
  const std::span<const float> logits = session.logits(), features = session.embedding();
  judgement.features.assign(features.begin(), features.end());
  judgement.probabilities.assign(logits.begin(), logits.end());
  to_probabilities(labels_, judgement.probabilities);
  return judgement;
}

std::vector<PictureJudgement> PictureClassifier::judge(std::span<const float> pictures, bool maps) const {
  const CnnConfig& config = network_->config();
  const auto each = static_cast<std::size_t>(config.in_channels * config.image_size * config.image_size);
  if (pictures.size() % each != 0)
    throw Error(ErrorKind::data,
                fmt::format("{} values are not pictures of {} x {} x {}", pictures.size(), config.in_channels,
                            config.image_size, config.image_size),
                "", "use pictures of the classifier's size");
  if (!std::all_of(pictures.begin(), pictures.end(), [](float value) { return std::isfinite(value); }))
    throw Error(ErrorKind::data, "a picture holds a value that is not finite", "",
                "check the network that generated it");
  std::vector<PictureJudgement> judgements;
  CnnSession session(network_);
  for (std::size_t at = 0; at < pictures.size(); at += each)
    judgements.push_back(judge_one(session, pictures.subspan(at, each), maps));
  return judgements;
}

}  // namespace dynexec
