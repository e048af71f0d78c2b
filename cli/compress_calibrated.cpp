#include "cli/compress_calibrated.hpp"

#include <fmt/format.h>

#include <optional>
#include <system_error>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "compress/quantise_cnn.hpp"
#include "compress/quantise_pipeline.hpp"
#include "config/node.hpp"
#include "experiments/diffusion/input_ranges.hpp"
#include "experiments/diffusion/options.hpp"
#include "experiments/early_exit/input_ranges.hpp"
#include "models/cnn_config.hpp"
#include "models/stored_weights.hpp"

namespace dynexec::cli {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& where, const std::string& hint) {
  throw Error(ErrorKind::usage, what, where, hint);
}

bool is_pipeline(const std::filesystem::path& model) {
  std::error_code failed;
  return std::filesystem::exists(model / "model_index.json", failed);
}

void check(const CompressArgs& args, bool texts) {
  if (args.method != "nearest")
    refuse(args.method + " is for language models and text encoders", "--method", "leave --method out");
  if (args.distil_steps > 0)
    refuse("scales are fitted for language models", "--distil-steps", "leave --distil-steps out");
  if (args.skip > 0) refuse("texts of language models and text encoders are skipped", "--skip", "leave --skip out");
  if (!args.texts.empty() && !args.calibration.empty())
    refuse("the samples are those of the config", "--texts", "leave --texts or --calibration out");
  if (!args.texts.empty() && !texts)
    refuse("vision networks are calibrated on images", "--texts", "name an early_exit config with --calibration");
  if (args.calibration.empty() && args.texts.empty())
    refuse("ranges of inputs are learnt from samples", "--calibration",
           texts ? "name a diffusion config, or a file of captions with --texts"
                 : "name an early_exit config, whose calibration images serve");
}

// The samples' number is the command line's where that says one.
Config read_config(const CompressArgs& args, const std::string& experiment) {
  std::vector<std::string> overrides;
  if (args.samples > 0) overrides.push_back(fmt::format("quantisation.samples={}", args.samples));
  Config config = Config::load(resolve_path(args.calibration).string(), overrides);
  const Node root = config.root();
  if (root.get_string("experiment") != experiment)
    root.at("experiment").fail("has no samples for this network", "name a config with experiment: " + experiment);
  return config;
}

QuantiseReport compress_cnn(const CompressArgs& args, const std::filesystem::path& model) {
  if (args.weights != "int8")
    refuse("weights of vision networks are int8, not " + args.weights, "--weights", "say --weights int8");
  const ModelFolder folder = ModelFolder::open(model);
  require_plain_weights(folder);
  const Config config = read_config(args, "early_exit");
  std::optional<Progress> bar;
  const CnnRanges ranges = early_exit::learn_ranges(config.root(), folder, [&](std::size_t done, std::size_t of) {
    if (!bar)
      bar.emplace(
          ProgressOptions{.label = "calibrate", .total = of, .unit = "images", .enabled = !args.quiet, .clock = {}});
    bar->advance(1);
    if (done == of) bar->finish();
  });
  return quantise_cnn(folder, args.output, ranges);
}

QuantiseReport compress_pipeline(const CompressArgs& args, const std::filesystem::path& model) {
  if (args.weights != "int8" && args.weights != "int4")
    refuse("weights of pipelines are int8 or int4, not " + args.weights, "--weights", "say --weights int8 or int4");
  Progress bar({.label = "calibrate", .unit = "pictures", .enabled = !args.quiet, .clock = {}});
  const auto drawn = [&bar] { bar.advance(1); };
  diffusion::LearntPictures learnt;
  if (args.texts.empty()) {
    const Config config = read_config(args, "diffusion");
    learnt = diffusion::learn_ranges(config.root(), model, drawn);
  } else {
    const std::int64_t samples = args.samples > 0 ? args.samples : diffusion::Quantisation().samples;
    learnt = diffusion::learn_ranges_of_texts(resolve_path(args.texts).string(), samples, model, drawn);
  }
  bar.finish();
  const auto kind = args.weights == "int8" ? diffusers::LayerPlan::Kind::int8 : diffusers::LayerPlan::Kind::int4;
  return quantise_pipeline(model, args.output, kind, learnt.ranges, learnt.sha256);
}

}  // namespace

bool calibrated_by_samples(const std::filesystem::path& model) {
  return is_pipeline(model) || is_cnn_config(ModelFolder::open(model).config());
}

QuantiseReport compress_calibrated(const CompressArgs& args, const std::filesystem::path& model) {
  const bool pipeline = is_pipeline(model);
  check(args, pipeline);
  return pipeline ? compress_pipeline(args, model) : compress_cnn(args, model);
}

}  // namespace dynexec::cli
