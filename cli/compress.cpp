// dynexec compress quantize: a model folder whose layers or convolutions are int8 or int4.
#include "compress/quantise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/resource_path.hpp"
#include "cli/commands.hpp"
#include "cli/compress_calibrated.hpp"
#include "data/text_prompts.hpp"
#include "data/tokenizer.hpp"
#include "kernels/thread_pool.hpp"
#include "measure/threads.hpp"
#include "models/encoder_config.hpp"
#include "report/table.hpp"

namespace dynexec::cli {
namespace {

constexpr std::int64_t kTexts = 64;  // to calibrate on, unless --samples says otherwise

std::vector<std::vector<std::int32_t>> calibration_texts(const CompressArgs& args, const ModelFolder& folder) {
  const auto longest = static_cast<std::size_t>(std::min(args.length, longest_text(folder)));
  if (args.texts.empty()) return own_texts(folder, args.samples, args.length, args.seed);
  const bool encoder = is_encoder_config(folder.config());
  const auto tokenizer = Tokenizer::load(folder.path());
  std::vector<std::vector<std::int32_t>> texts;
  PromptOptions options;
  options.file = args.texts;
  options.opening_words = std::numeric_limits<std::int64_t>::max();  // whole stories
  std::int64_t skipped = 0;
  for (const PromptRecord& record : read_prompts(options)) {
    if (skipped++ < args.skip) continue;
    if (static_cast<std::int64_t>(texts.size()) == args.samples) break;
    std::vector<std::int32_t> ids = tokenizer->encode(record.prompt, true);
    // An encoder's texts end with a token of their own, which stays the last.
    if (encoder)
      shorten(ids, longest);
    else
      ids.resize(std::min(ids.size(), longest));
    if (!ids.empty()) texts.push_back(std::move(ids));
  }
  if (texts.empty())
    throw Error(ErrorKind::data, "the file holds no text" + std::string(args.skip > 0 ? " behind those skipped" : ""),
                args.texts, "name a file of texts, one a line");
  return texts;
}

// Shows what is done of how much, from the first call on.
std::function<void(std::int64_t, std::int64_t)> bar(const char* label, const char* unit, bool quiet) {
  return [=, shown = std::shared_ptr<Progress>()](std::int64_t done, std::int64_t of) mutable {
    if (!shown)
      shown = std::make_shared<Progress>(ProgressOptions{
          .label = label, .total = static_cast<std::uint64_t>(of), .unit = unit, .enabled = !quiet, .clock = {}});
    shown->advance(1);
    if (done == of) shown->finish();
  };
}

TextTable table_of(const QuantiseReport& report) {
  TextTable table{.columns = {{"matrix", true}, {"output error %"}, {"by the nearest %"}}, .rows = {}};
  const auto percent = [](double share) { return share < 0 ? std::string("-") : fmt::format("{:.3g}", 100 * share); };
  for (const QuantisedMatrix& matrix : report.matrices)
    table.rows.push_back({{matrix.name}, {percent(matrix.error)}, {percent(matrix.nearest)}});
  return table;
}

nlohmann::json json_of(const CompressArgs& args, const QuantiseReport& report) {
  const auto share = [](double value) { return value < 0 ? nlohmann::json() : nlohmann::json(value); };
  nlohmann::json matrices = nlohmann::json::array();
  for (const QuantisedMatrix& matrix : report.matrices)
    matrices.push_back(
        {{"name", matrix.name}, {"output_error", share(matrix.error)}, {"nearest_error", share(matrix.nearest)}});
  const nlohmann::json distil = report.distil ? nlohmann::json({{"steps", args.distil_steps},
                                                                {"held_out_texts", report.distil->texts},
                                                                {"divergence_before", report.distil->before},
                                                                {"divergence_after", report.distil->after},
                                                                {"kept", report.distil->kept}})
                                              : nlohmann::json();
  return {{"output", args.output},
          {"weights", args.weights},
          {"method", args.method},
          {"bytes_before", report.bytes_before},
          {"bytes_after", report.bytes_after},
          {"distil", distil},
          {"matrices", std::move(matrices)}};
}

QuantiseReport compress_layers(const CompressArgs& args, const std::filesystem::path& model) {
  if (!args.calibration.empty())
    throw Error(ErrorKind::usage, "a config calibrates vision networks and pipelines", "--calibration",
                "name a file of texts with --texts");
  const ModelFolder folder = ModelFolder::open(model);
  const std::map<std::string, QuantiseMethod> methods{
      {"nearest", QuantiseMethod::nearest}, {"gptq", QuantiseMethod::gptq}, {"gptaq", QuantiseMethod::gptaq}};
  QuantiseOptions options{.formats = LayerFormats::parse(args.weights), .method = methods.at(args.method)};
  options.texts = calibration_texts(args, folder);
  options.distil = {
      .steps = args.distil_steps, .batch = args.distil_batch, .rate = args.distil_rate, .seed = args.seed};
  return quantise_folder(folder, args.output, options, bar("quantise", "layers", args.quiet),
                         bar("distil", "steps", args.quiet));
}

}  // namespace

int compress(const CompressArgs& given) {
  install_interrupt_handler();
  set_compute_threads(available_cpus());
  const std::filesystem::path model = resolve_path(given.model);
  const bool calibrated = calibrated_by_samples(model);
  CompressArgs args = given;
  if (args.weights.empty()) args.weights = calibrated ? "int8" : "int8-g32";
  if (args.samples == 0 && !calibrated) args.samples = kTexts;
  const QuantiseReport report = calibrated ? compress_calibrated(args, model) : compress_layers(args, model);
  const Format format = parse_format(args.format);
  if (format == Format::json) {
    print(json_of(args, report).dump(2) + "\n");
    return 0;
  }
  const TextTable table = table_of(report);
  print(format == Format::md ? render_markdown_table(table) : render_text_table(table, stdout_style()));
  if (report.distil)
    fmt::print(stderr, "{} held-out texts: {:.4g} nats a token from the whole model, {:.4g} before distillation{}\n",
               report.distil->texts, report.distil->after, report.distil->before,
               report.distil->kept ? "" : "; no gain, scales left as they were");
  fmt::print(stderr, "{}: {:.1f} MB instead of {:.1f} MB\n", args.output, report.bytes_after / 1e6,
             report.bytes_before / 1e6);
  return 0;
}

}  // namespace dynexec::cli
