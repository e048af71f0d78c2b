#include "train/encoder_source.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/resource_path.hpp"
#include "base/sha256.hpp"
#include "data/sentence_task.hpp"
#include "data/tokenizer.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

LabelledText draw_training_sentence(SentenceOptions options, double curriculum, std::uint64_t index, double progress) {
  std::vector<int>& levels = options.difficulties;
  const double share = curriculum > 0 ? std::min(1.0, progress / curriculum) : 1.0;
  const auto [least, most] = std::minmax_element(levels.begin(), levels.end());
  const int bound = *least + static_cast<int>(std::ceil(share * (*most - *least)));
  std::erase_if(levels, [&](int level) { return level > bound; });
  const sentences::Sentence sentence = draw_sentence(options, index, Purpose::training);
  return {sentence.text, sentence.label};
}

EncoderTexts sentence_texts(const EncoderDataOptions& data) {
  SentenceOptions held_out = data.sentences;
  held_out.split = Split::calibration;
  held_out.samples = data.evaluation;
  return {.draw = [sentences = data.sentences, curriculum = data.curriculum](
                      std::uint64_t index,
                      double progress) { return draw_training_sentence(sentences, curriculum, index, progress); },
          .evaluation = sentence_samples(held_out),
          .description =
              fmt::format("sentence task, split `train`, seed {}, difficulties {}; curriculum over {:.0f} %",
                          data.sentences.seed, fmt::join(data.sentences.difficulties, ", "), 100 * data.curriculum)};
}

EncoderTexts file_texts(const EncoderDataOptions& data, std::uint64_t seed, const EncoderConfig& config) {
  std::vector<LabelledText> texts = read_labelled_texts(data.texts, config.classes, config.class_names);
  const auto held_out = static_cast<std::size_t>(data.evaluation);
  if (texts.size() <= held_out)
    throw Error(ErrorKind::config, fmt::format("{} texts cannot give {} to evaluate", texts.size(), held_out),
                "data.evaluation", "lower it, or name a larger file");
  RandomStream random(seed, 0, 2, static_cast<std::uint32_t>(Purpose::training));
  random.shuffle(texts);
  std::vector<Sample> evaluation =
      text_samples(texts, static_cast<std::int64_t>(texts.size() - held_out), data.evaluation, config.class_names);
  texts.resize(texts.size() - held_out);
  const std::size_t count = texts.size();
  return {.draw =
              [texts = std::move(texts), seed](std::uint64_t index, double) {
                RandomStream pick(seed, index, 3, static_cast<std::uint32_t>(Purpose::training));
                return texts[static_cast<std::size_t>(pick.below(texts.size()))];
              },
          .evaluation = std::move(evaluation),
          .description = fmt::format("{} texts of {}", count, data.texts.file)};
}

// Sizes of the network that the run starts with; its classes are kept where it has any.
void take_start(const EncoderTrainOptions& options, EncoderSource& source) {
  source.start = ModelFolder::open(resolve_path(options.start_from));
  source.config = parse_encoder_config(*source.start);
  require_plain_weights(*source.start);
  source.tokenizer = read_json_object(source.start->path() / "tokenizer.json");
  source.inputs += source.start->sha256();
  if (options.training == "heads" && source.config.classes == 0)
    throw Error(ErrorKind::config, "the network has no classifier that its exits could agree with", "start_from",
                "train it first with training: joint or backbone");
}

void set_classes(const EncoderTrainOptions& options, EncoderSource& source) {
  std::vector<std::string> names =
      options.data.kind == "sentences" ? sentences::class_names() : options.data.class_names;
  EncoderConfig& config = source.config;
  if (config.classes == 0) {
    if (names.empty())
      throw Error(ErrorKind::config, "the network has no classes yet", "data.classes",
                  "name them: [negative, positive]");
    config.classes = static_cast<std::int64_t>(names.size());
  }
  if (!names.empty() && static_cast<std::int64_t>(names.size()) != config.classes)
    throw Error(ErrorKind::config, fmt::format("{} classes for a network of {}", names.size(), config.classes),
                "data.classes", "list one name for each class of the network");
  if (!names.empty()) config.class_names = std::move(names);
}

}  // namespace

EncoderSource open_encoder_source(const EncoderTrainOptions& options) {
  EncoderSource source;
  source.config = options.shape;
  if (options.training == "heads" && options.start_from.empty())
    throw Error(ErrorKind::config, "heads alone are trained on a network that there is", "start_from",
                "name its model folder");
  if (!options.start_from.empty()) {
    take_start(options, source);
  } else if (options.data.kind == "sentences") {
    source.tokenizer = sentence_tokenizer();
    source.config.vocab = Tokenizer::parse(source.tokenizer, "tokenizer.json")->vocab_size();
  } else {
    throw Error(ErrorKind::config, "texts of a file need a network with a tokenizer to start from", "start_from",
                "name a BERT or DistilBERT model folder");
  }
  set_classes(options, source);
  source.exits = options.exits;
  const std::int64_t layers = source.config.layers;
  if (options.training == "backbone") source.exits.layers.clear();
  if (options.training != "backbone" && options.exit_layers == "all")
    for (std::int64_t layer = 0; layer + 1 < layers; ++layer) source.exits.layers.push_back(layer);
  std::int64_t last = -1;
  for (const std::int64_t layer : source.exits.layers) {
    if (layer <= last || layer >= layers - 1)
      throw Error(ErrorKind::config,
                  fmt::format("layer {} is not one of 0 to {} in ascending order", layer, layers - 2), "exits.layers",
                  "the last layer has the network's own classifier");
    last = layer;
  }
  if (options.training == "heads" && source.exits.layers.empty())
    throw Error(ErrorKind::config, "there is no exit to train", "exits.layers", "list a layer before the last");
  source.texts = options.data.kind == "sentences" ? sentence_texts(options.data)
                                                  : file_texts(options.data, options.seed, source.config);
  source.inputs += source.tokenizer.dump();
  if (options.data.kind != "sentences") source.inputs += sha256_file(resolve_path(options.data.texts.file).string());
  return source;
}

}  // namespace dynexec
