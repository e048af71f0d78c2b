#include "train/exit_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "data/labelled_images.hpp"
#include "models/exit_heads.hpp"
#include "train/network_options.hpp"

namespace dynexec {
namespace {

ImageSourceOptions read_source(const Node& data) {
  ImageSourceOptions options;
  options.evaluation = data.get_int("evaluation", options.evaluation, 1, 1 << 30);
  std::vector<std::string> formats = image_formats();
  formats.push_back("shapes");
  options.format = data.get_choice("format", options.format, formats);
  if (options.format == "shapes") {
    options.shapes.mix = data.get_doubles("mix", options.shapes.mix);
    options.shapes.seed = static_cast<std::uint64_t>(data.get_int("seed", 1, 0, 1LL << 53));
    options.shapes.size = data.get_int("size", options.shapes.size, 16, 256);
    try {
      options.shapes.check();
    } catch (const Error& error) {
      data.at("mix").fail(error.message(), error.hint());
    }
    return options;
  }
  options.files = data.get_strings("files", {});
  if (options.files.empty()) data.fail("names no files", "files: [data_batch_1.bin, ...]");
  options.first = data.get_int("first", 0, 0, 1 << 30);
  options.samples = data.get_int("samples", 0, 0, 1 << 30);
  options.flip = data.get_bool("flip", options.flip);
  return options;
}

}  // namespace

ExitTrainOptions read_exit_train_options(const Node& root, const std::string& config_path) {
  ExitTrainOptions options;
  options.config_path = config_path;
  (void)root.get_choice("kind", "exits", {"exits"});
  if (root.has("network")) {
    options.network = read_network(root.at("network"), 10);
  } else {
    options.backbone = root.get_string("backbone");
  }
  options.output = root.get_string("output");
  options.work = root.get_string("work", options.output + ".work");
  options.title = root.get_string("title", options.output.substr(options.output.find_last_of('/') + 1));
  options.license = root.get_string("license", options.license);
  options.seed = static_cast<std::uint64_t>(root.get_int("seed", 1, 0, 1LL << 53));
  options.threads = static_cast<int>(root.get_int("threads", 1, 0, 1024));

  const Node exits = root.section("exits");
  options.head = exits.get_choice("kind", options.head, exit_head_kinds());
  if (const auto units = exits.find("units"); units && units->is_sequence()) {
    options.places = "listed";
    options.units = exits.get_ints("units", {});
    if (options.units.empty()) units->fail("names no unit", "list at least one, or use units: blocks");
  } else {
    options.places = exits.get_choice("units", options.places, {"blocks", "all"});
  }
  options.codewords = exits.get_int("codewords", options.codewords, 1, 1024);
  options.hidden = exits.get_int("hidden", options.hidden, 1, 4096);

  options.data = read_source(root.at("data"));
  if (!options.network.empty()) {
    options.final_weight = exits.get_double("final_weight", options.final_weight, 0, 1e3);
    options.start = exits.get_double("start", options.start, 0, 1);
  }

  const Node optimiser = root.section("optimiser");
  options.batch = optimiser.get_int("batch", options.batch, 1, 8192);
  OptimiserOptions& o = options.optimiser;
  o.steps = optimiser.get_int("steps", 1000, 1, 100'000'000);
  o.learning_rate = optimiser.get_double("learning_rate", 5e-3, 1e-9, 10);
  o.final_share = optimiser.get_double("final_share", o.final_share, 0, 1);
  o.warmup = optimiser.get_int("warmup", 20, 0, 1'000'000);
  o.weight_decay = optimiser.get_double("weight_decay", 1e-3, 0, 10);
  o.beta2 = optimiser.get_double("beta2", 0.99, 0, 0.999999);
  o.clip = optimiser.get_double("clip", 0.0, 0, 1e6);
  options.checkpoint_every = root.get_int("checkpoint_every", options.checkpoint_every, 0, 1 << 30);
  options.export_every = root.get_int("export_every", options.export_every, 0, 1 << 30);
  return options;
}

std::string fingerprint_of(const ExitTrainOptions& o, const std::string& backbone) {
  const ImageSourceOptions& d = o.data;
  return sha256_hex(fmt::format("exits 2|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
                                backbone, o.seed, o.head, o.places, fmt::join(o.units, ","), o.codewords, o.hidden,
                                d.format, fmt::join(d.files, ","), d.first, d.samples, d.evaluation, d.flip,
                                fmt::join(d.shapes.mix, ","), d.shapes.seed, d.shapes.size, o.final_weight, o.start,
                                o.batch, o.optimiser.steps, o.optimiser.learning_rate, o.optimiser.final_share,
                                o.optimiser.warmup, o.optimiser.weight_decay, o.optimiser.beta2, o.optimiser.clip));
}

}  // namespace dynexec
