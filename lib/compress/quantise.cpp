#include "compress/quantise.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/interrupt.hpp"
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
  Quantiser(const LayeredNetwork& network, const QuantiseOptions& options) : network_(network), options_(options) {
    // Which matrices there are is what loading asks for.
    const StoredSource asked = [this](const std::string& name, std::int64_t out, std::int64_t in) {
      wanted_.push_back({name, out, in});
      return std::optional<StoredMatrix>();
    };
    network_.run({.stored = asked, .observer = {}}, {}, 0);
    require_formats_fit();
  }

  void quantise(std::int64_t layer) {
    moments_.clear();
    if (!options_.texts.empty()) calibrate(layer);
    for (const Wanted& matrix : wanted_)
      if (in_layer(matrix.name, layer)) quantise(matrix);
  }

  const std::map<std::string, StoredMatrix>& done() const { return done_; }
  std::vector<QuantisedMatrix> take_report() { return std::move(report_); }

 private:
  static bool in_layer(const std::string& name, std::int64_t layer) {
    return name.find("." + std::to_string(layer) + ".") != std::string::npos;
  }

  void require_formats_fit() const {
    std::vector<std::string> names;
    for (const Wanted& matrix : wanted_) names.push_back(matrix.name);
    require_used(options_.formats, names, {});
    for (const std::string& name : names)
      if (name.find(kUp) != std::string::npos) require_one_format(options_.formats, observed_name(name), name, {});
  }

  void calibrate(std::int64_t layer) {
    const auto stored = [&](const std::string& name, std::int64_t, std::int64_t) {
      const auto found = done_.find(name);
      return found == done_.end() ? std::nullopt : std::optional(found->second);
    };
    const auto observer = [&](const std::string& name, const float* x, std::int64_t rows, std::int64_t in) {
      if (!in_layer(name, layer)) return;
      const at::Tensor inputs = at::from_blob(const_cast<float*>(x), {rows, in}, at::kFloat).to(at::kDouble);
      at::Tensor& sum = moments_[name];
      if (!sum.defined()) sum = at::zeros({in, in}, at::kDouble);
      sum.addmm_(inputs.t(), inputs);
    };
    network_.run({.stored = stored, .observer = observer}, options_.texts, layer);
  }

  void quantise(const Wanted& matrix) {
    throw_if_interrupted();
    const std::vector<float> values = network_.values(matrix.name, matrix.out, matrix.in);
    QuantisedMatrix figures{.name = matrix.name};
    const auto found = moments_.find(observed_name(matrix.name));
    const bool calibrated = found != moments_.end();
    if (!calibrated && !options_.texts.empty())
      throw Error(ErrorKind::internal, "no inputs were seen", matrix.name, "report this as a bug");
    const WeightFormat& format = options_.formats.of(matrix.name);
    const StoredMatrix nearest = round_to_nearest(values, matrix.out, matrix.in, format);
    StoredMatrix chosen = nearest;
    if (options_.method == QuantiseMethod::gptq && format.quantised())
      chosen = gptq(values, matrix.out, matrix.in, format, found->second, options_.gptq);
    if (calibrated) {
      const StoredMatrix nothing{
          .format = {}, .out = matrix.out, .in = matrix.in, .floats = std::vector<float>(values.size())};
      const double all = output_error(values, nothing, found->second);
      figures.nearest = all > 0 ? output_error(values, nearest, found->second) / all : 0;
      figures.error = all > 0 ? output_error(values, chosen, found->second) / all : 0;
    }
    report_.push_back(figures);
    done_.emplace(matrix.name, std::move(chosen));
  }

  const LayeredNetwork& network_;
  const QuantiseOptions& options_;
  std::vector<Wanted> wanted_;
  std::map<std::string, StoredMatrix> done_;
  std::map<std::string, at::Tensor> moments_;  // of the layer at hand, by the matrix that is observed
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
                               const std::function<void(std::int64_t, std::int64_t)>& progress) {
  if (const auto problem = folder_problem(options.formats))
    throw Error(ErrorKind::config, *problem, "format", "choose int8, int8-g32, int4-g32, int4-g64 or int4-g128");
  const auto network = LayeredNetwork::open(from);
  if (options.method == QuantiseMethod::gptq && options.texts.empty())
    throw Error(ErrorKind::config, "GPTQ needs texts to calibrate on", "texts",
                "name a file of texts, one a line, with --texts, or use --method nearest");
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
  report.bytes_after = write_weights(from, to, quantiser.done());
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
