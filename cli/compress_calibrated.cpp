#include "cli/compress_calibrated.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/error.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "compress/quantise_cnn.hpp"
#include "config/node.hpp"
#include "experiments/early_exit/input_ranges.hpp"
#include "models/cnn_config.hpp"
#include "models/stored_weights.hpp"

namespace dynexec::cli {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& where, const std::string& hint) {
  throw Error(ErrorKind::usage, what, where, hint);
}

void check(const CompressArgs& args) {
  if (args.calibration.empty())
    refuse("ranges of inputs are learnt from samples", "--calibration",
           "name a config of the network's experiment, whose calibration samples serve, with --calibration");
  if (!args.texts.empty())
    refuse("the samples are those of the config", "--texts", "leave --texts out and name a config with --calibration");
  if (args.method != "nearest")
    refuse("GPTQ is for language models and text encoders", "--method", "leave --method out");
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

}  // namespace

bool calibrated_by_config(const std::filesystem::path& model) {
  return is_cnn_config(ModelFolder::open(model).config());
}

QuantiseReport compress_calibrated(const CompressArgs& args, const std::filesystem::path& model) {
  check(args);
  return compress_cnn(args, model);
}

}  // namespace dynexec::cli
