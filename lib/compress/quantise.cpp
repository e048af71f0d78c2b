#include "compress/quantise.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "compress/calibration.hpp"
#include "compress/layered_network.hpp"
#include "models/decoder.hpp"
#include "models/encoder_config.hpp"
#include "models/sampling.hpp"
#include "models/stored_weights.hpp"

namespace dynexec {
namespace {

namespace fs = std::filesystem;

struct Wanted {
  std::string name;
  std::int64_t out = 0, in = 0;
};

// Parts of names whose matrices have the inputs of another one, which alone is observed.
constexpr std::pair<const char*, const char*> kSameInputs[] = {{"k_proj", "q_proj"},
                                                               {"v_proj", "q_proj"},
                                                               {"up_proj", "gate_proj"},
                                                               {"self.key", "self.query"},
                                                               {"self.value", "self.query"},
                                                               {"attention.k_lin", "attention.q_lin"},
                                                               {"attention.v_lin", "attention.q_lin"}};

constexpr const char* kUp = "up_proj";  // multiplied with the matrix that has the same inputs

// The matrix whose inputs are also this one's.
std::string observed_name(std::string name) {
  for (const auto& [part, first] : kSameInputs) {
    const std::size_t at = name.find(part);
    if (at != std::string::npos) return name.replace(at, std::string(part).size(), first);
  }
  return name;
}

// A network's layers, quantised one after the other.
class Quantiser {
 public:
  Quantiser(const LayeredNetwork& network, const QuantiseOptions& options)
      : network_(network), options_(options), calibration_(network, options.texts, gptaq()) {
    // Which matrices there are is what loading asks for.
    const StoredSource asked = [this](const std::string& name, std::int64_t out, std::int64_t in) {
      wanted_.push_back({name, out, in});
      return std::optional<StoredMatrix>();
    };
    network_.load({.stored = asked, .observer = {}}, 1);
    require_formats_fit();
  }

  void quantise(std::int64_t layer) {
    const auto inside = [&](const Wanted& matrix) { return in_layer(matrix.name, layer); };
    auto next = std::find_if(wanted_.begin(), wanted_.end(), inside);
    while (next != wanted_.end() && inside(*next)) {
      // With GPTAQ those of the same inputs, for which the ones before are quantised; else the whole layer.
      const auto end = std::find_if(next, wanted_.end(), [&](const Wanted& matrix) {
        return !inside(matrix) || (gptaq() && observed_name(matrix.name) != observed_name(next->name));
      });
      std::map<std::string, InputMoments> moments;
      if (!options_.texts.empty()) moments = calibrate(next, end, layer);
      for (; next != end; ++next) quantise(*next, moments);
    }
  }

  std::map<std::string, StoredMatrix> take_matrices() { return std::move(done_); }
  std::vector<QuantisedMatrix> take_report() { return std::move(report_); }

 private:
  static bool in_layer(const std::string& name, std::int64_t layer) {
    return name.find("." + std::to_string(layer) + ".") != std::string::npos;
  }

  bool gptaq() const { return options_.method == QuantiseMethod::gptaq; }

  void require_formats_fit() const {
    std::vector<std::string> names;
    for (const Wanted& matrix : wanted_) names.push_back(matrix.name);
    require_used(options_.formats, names, {});
    for (const std::string& name : names)
      if (name.find(kUp) != std::string::npos) require_one_format(options_.formats, observed_name(name), name, {});
  }

  using Position = std::vector<Wanted>::const_iterator;
  std::map<std::string, InputMoments> calibrate(Position begin, Position end, std::int64_t layer) {
    std::set<std::string> observed;
    std::for_each(begin, end, [&](const Wanted& matrix) { observed.insert(observed_name(matrix.name)); });
    const auto stored = [this](const std::string& name, std::int64_t, std::int64_t) {
      const auto found = done_.find(name);
      return found == done_.end() ? std::nullopt : std::optional(found->second);
    };
    return calibration_.run(stored, observed, layer);
  }

  void quantise(const Wanted& matrix, const std::map<std::string, InputMoments>& moments) {
    throw_if_interrupted();
    const std::vector<float> values = network_.values(matrix.name, matrix.out, matrix.in);
    QuantisedMatrix figures{.name = matrix.name};
    const auto found = moments.find(observed_name(matrix.name));
    const bool calibrated = found != moments.end();
    if (!calibrated && !options_.texts.empty())
      throw Error(ErrorKind::internal, "no inputs were seen", matrix.name, "report this as a bug");
    const WeightFormat& format = options_.formats.of(matrix.name);
    const StoredMatrix nearest = round_to_nearest(values, matrix.out, matrix.in, format);
    StoredMatrix chosen = nearest;
    if (options_.method != QuantiseMethod::nearest && format.quantised()) {
      const std::vector<float> target = gptaq() ? make_up_for_drift(values, matrix.out, matrix.in, found->second,
                                                                    options_.drift_share, options_.gptq.damping)
                                                : values;
      chosen = gptq(target, matrix.out, matrix.in, format, found->second.inputs, options_.gptq);
    }
    if (calibrated) {
      const double all = output_square(values, matrix.out, matrix.in, found->second);
      figures.nearest = all > 0 ? output_error(values, nearest, found->second) / all : 0;
      figures.error = all > 0 ? output_error(values, chosen, found->second) / all : 0;
    }
    report_.push_back(figures);
    done_.emplace(matrix.name, std::move(chosen));
  }

  const LayeredNetwork& network_;
  const QuantiseOptions& options_;
  Calibration calibration_;
  std::vector<Wanted> wanted_;
  std::map<std::string, StoredMatrix> done_;
  std::vector<QuantisedMatrix> report_;
};

double write_weights(const ModelFolder& from, const fs::path& to, const std::map<std::string, StoredMatrix>& done) {
  std::vector<StoredTensors> stored;
  stored.reserve(done.size());
  std::vector<TensorView> views;
  std::set<std::string> replaced;
  for (const auto& [name, matrix] : done) {
    if (!matrix.format.quantised()) continue;  // stays the tensor that it was
    replaced.insert(from.find(name)->name);
    const StoredTensors& tensors = stored.emplace_back(from.find(name)->name, matrix);
    views.insert(views.end(), tensors.views.begin(), tensors.views.end());
  }
  for (const std::string& name : from.tensor_names())
    if (!replaced.contains(name)) views.push_back(*from.find(name));
  write_safetensors(to / "model.safetensors", views, {{"format", "pt"}});
  return static_cast<double>(fs::file_size(to / "model.safetensors"));
}

}  // namespace

std::int64_t longest_text(const ModelFolder& folder) {
  return LayeredNetwork::open(folder)->max_tokens();
}

std::vector<std::vector<std::int32_t>> own_texts(const ModelFolder& folder, std::int64_t count, std::int64_t length,
                                                 std::uint64_t seed) {
  if (is_encoder_config(folder.config())) return {};
  const auto decoder = Decoder::load(folder);
  const DecoderConfig& config = decoder->config();
  length = std::min(length, config.max_positions);
  DecoderSession session(decoder, length);
  std::vector<float> probabilities(static_cast<std::size_t>(config.vocab));
  std::vector<std::vector<std::int32_t>> texts;
  for (std::int64_t i = 0; i < count; ++i) {
    throw_if_interrupted();
    RandomStream random(seed, static_cast<std::uint64_t>(i), 0, static_cast<std::uint32_t>(Purpose::sampling));
    std::vector<std::int32_t> text{std::max(config.begin_token, 0)};
    session.truncate(0);
    while (static_cast<std::int64_t>(text.size()) < length) {
      warp(session.forward(std::span(text).last(1), 1), {.temperature = 1}, text, probabilities);
      text.push_back(draw(probabilities, random.uniform()));
      const auto& ends = config.end_tokens;
      if (std::find(ends.begin(), ends.end(), text.back()) != ends.end()) break;
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

QuantiseReport quantise_folder(const ModelFolder& from, const fs::path& to, const QuantiseOptions& options,
                               const std::function<void(std::int64_t, std::int64_t)>& progress,
                               const std::function<void(std::int64_t, std::int64_t)>& distilled) {
  if (const auto problem = folder_problem(options.formats))
    throw Error(ErrorKind::config, *problem, "format", "choose int8, int8-g32, int4-g32, int4-g64 or int4-g128");
  const auto network = LayeredNetwork::open(from);
  if (options.method != QuantiseMethod::nearest && options.texts.empty())
    throw Error(ErrorKind::config, "GPTQ and GPTAQ need texts to calibrate on", "texts",
                "name a file of texts, one a line, with --texts, or use --method nearest");
  if (options.distil.steps > 0) require_distillable(from, options.texts);
  std::error_code ignored;
  if (fs::equivalent(from.path(), to, ignored))
    throw Error(ErrorKind::config, "the folder would be overwritten", to.string(), "name another output folder");
  Quantiser quantiser(*network, options);
  require_writable_folder(to.string());
  for (std::int64_t layer = 0; layer < network->layers(); ++layer) {
    quantiser.quantise(layer);
    if (progress) progress(layer + 1, network->layers());
  }
  QuantiseReport report{.matrices = quantiser.take_report()};
  std::map<std::string, StoredMatrix> matrices = quantiser.take_matrices();
  if (options.distil.steps > 0) report.distil = distil_scales(from, options.texts, options.distil, matrices, distilled);
  report.bytes_after = write_weights(from, to, matrices);
  for (const std::string& name : from.tensor_names())
    report.bytes_before += static_cast<double>(from.find(name)->bytes.size());
  for (const auto& entry : fs::directory_iterator(from.path())) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".json") || name.ends_with(".index.json") || name == "config.json") continue;
    write_file_atomically((to / name).string(), read_file(entry.path().string()));
  }
  nlohmann::json config = from.config();
  config["quantization_config"] = folder_formats_json(options.formats);
  write_file_atomically((to / "config.json").string(), config.dump(2) + "\n");
  return report;
}

}  // namespace dynexec
