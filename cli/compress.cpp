// dynexec compress quantize: a model folder whose layers or convolutions are int8 or int4.
#include "compress/quantise.hpp"

#include <fmt/format.h>

#include <algorithm>
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
  for (const PromptRecord& record : read_prompts(options)) {
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
    throw Error(ErrorKind::data, "the file holds no text", args.texts, "name a file of texts, one a line");
  return texts;
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
  return {{"output", args.output},
          {"weights", args.weights},
          {"method", args.method},
          {"bytes_before", report.bytes_before},
          {"bytes_after", report.bytes_after},
          {"matrices", std::move(matrices)}};
}

QuantiseReport compress_layers(const CompressArgs& args, const std::filesystem::path& model) {
  if (!args.calibration.empty())
    throw Error(ErrorKind::usage, "a config calibrates vision networks and pipelines", "--calibration",
                "name a file of texts with --texts");
  const ModelFolder folder = ModelFolder::open(model);
  QuantiseOptions options{.format = weight_format(args.weights),
                          .method = args.method == "gptq" ? QuantiseMethod::gptq : QuantiseMethod::nearest};
  options.texts = calibration_texts(args, folder);
  std::unique_ptr<Progress> bar;
  return quantise_folder(folder, args.output, options, [&](std::int64_t done, std::int64_t of) {
    if (!bar)
      bar = std::make_unique<Progress>(ProgressOptions{.label = "quantise",
                                                       .total = static_cast<std::uint64_t>(of),
                                                       .unit = "layers",
                                                       .enabled = !args.quiet,
                                                       .clock = {}});
    bar->advance(1);
    if (done == of) bar->finish();
  });
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
  fmt::print(stderr, "{}: {:.1f} MB instead of {:.1f} MB\n", args.output, report.bytes_after / 1e6,
             report.bytes_before / 1e6);
  return 0;
}

}  // namespace dynexec::cli
