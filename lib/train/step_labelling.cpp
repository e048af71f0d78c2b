#include "train/step_labelling.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "data/scenes/caption.hpp"
#include "pictures/draw.hpp"

namespace dynexec {
namespace {

constexpr std::string_view kMark = "# step labels ";

// prompt,seed,next_4,next_5,...,like_4,like_5,...,shown_4,...: similarity to the next count's picture and to the
// reference, and where there is a judge what is shown.
std::string header_of(const std::vector<std::int64_t>& grid, bool judged) {
  std::string header = "prompt,seed";
  for (std::size_t k = 0; k + 1 < grid.size(); ++k) header += fmt::format(",next_{}", grid[k]);
  for (const std::int64_t steps : grid) header += fmt::format(",like_{}", steps);
  if (judged)
    for (const std::int64_t steps : grid) header += fmt::format(",shown_{}", steps);
  return header;
}

// Numbers in the shortest form that reads back as the same, so that a continued run has the same labels.
std::string row_of(std::size_t text, std::size_t seed, const StepCurve& curve) {
  std::string row =
      fmt::format("{},{},{},{}", text, seed, fmt::join(curve.successive, ","), fmt::join(curve.to_reference, ","));
  for (const double share : curve.shown) row += fmt::format(",{}", share);
  return row;
}

std::vector<double> numbers_of(std::string_view line) {
  std::vector<double> numbers;
  for (const char *at = line.data(), *end = at + line.size(); at < end;) {
    double value = 0;
    const auto [behind, failed] = std::from_chars(at, end, value);
    if (failed != std::errc() || !std::isfinite(value) || (behind != end && *behind != ',')) return {};
    numbers.push_back(value);
    at = behind + 1;
  }
  return numbers;
}

// The file of a run, rows in the order of texts and seeds.
class LabelFile {
 public:
  LabelFile(const std::filesystem::path& path, const StepLabelling& labelling, const std::string& fingerprint)
      : path_(path.string()),
        grid_(labelling.grid),
        seeds_(static_cast<std::size_t>(labelling.seeds)),
        judged_(labelling.judge != nullptr) {
    const std::string first = std::string(kMark) + fingerprint, head = first + "\n" + header_of(grid_, judged_) + "\n";
    if (!std::filesystem::exists(path)) write_file_atomically(path_, head);
    file_ = std::make_unique<AppendFile>(path_);  // cuts off half a line
    const std::string content = read_file(path_);
    if (!content.starts_with(first + "\n"))
      throw Error(ErrorKind::config, "the labels in this file belong to another model, sampler, grid or other prompts",
                  path_, "remove it to draw them anew, or give this run a work folder of its own");
    if (!content.starts_with(head)) fail(2);
    read(std::string_view(content).substr(head.size()), labelling.texts.size());
  }

  std::size_t rows() const { return curves_.size(); }
  void append(StepCurve curve) {
    file_->append(row_of(rows() / seeds_, rows() % seeds_, curve));
    curves_.push_back(std::move(curve));
  }
  void sync() { file_->sync(); }

  std::vector<std::vector<StepCurve>> by_text() const {
    std::vector<std::vector<StepCurve>> texts(curves_.size() / seeds_);
    for (std::size_t row = 0; row < curves_.size(); ++row) texts[row / seeds_].push_back(curves_[row]);
    return texts;
  }

 private:
  [[noreturn]] void fail(std::size_t line) const {
    throw Error(ErrorKind::data, "the line is not one of this run's labels", fmt::format("{}:{}", path_, line),
                "restore the file, or remove it to draw the labels anew");
  }

  void read(std::string_view rest, std::size_t texts) {
    const std::size_t counts = grid_.size(), columns = 2 + counts - 1 + counts + (judged_ ? counts : 0);
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      const std::vector<double> numbers = numbers_of(rest.substr(0, end));
      const std::size_t row = rows();
      if (row == texts * seeds_ || numbers.size() != columns || numbers[0] != static_cast<double>(row / seeds_) ||
          numbers[1] != static_cast<double>(row % seeds_))
        fail(row + 3);
      const auto middle = numbers.begin() + 1 + static_cast<std::ptrdiff_t>(counts);
      const auto shown = middle + static_cast<std::ptrdiff_t>(counts);
      curves_.push_back({.successive = {numbers.begin() + 2, middle},
                         .to_reference = {middle, shown},
                         .shown = {shown, numbers.end()}});
      rest.remove_prefix(end + 1);
    }
  }

  std::string path_;
  const std::vector<std::int64_t>& grid_;
  std::size_t seeds_;
  bool judged_;
  std::unique_ptr<AppendFile> file_;
  std::vector<StepCurve> curves_;
};

DrawInput input_of(const StepLabelling& labelling, std::size_t text, std::size_t seed, std::int64_t elements) {
  // Repetition 0 is of pictures that are measured.
  const Streams streams{.seed = labelling.seed, .sample = text, .repetition = static_cast<std::uint32_t>(seed) + 1};
  return {.text = labelling.texts[text], .noise = start_noise(streams, elements), .streams = streams};
}

// The curves of pictures made together, in the order of the inputs. No reference: the picture of the most steps.
std::vector<StepCurve> curves_of(const PictureModel& model, const std::vector<std::unique_ptr<Sampler>>& samplers,
                                 const Sampler* reference, const std::vector<DrawInput>& inputs,
                                 const DrawOptions& options, const SceneJudge* judge) {
  std::vector<std::vector<Drawing>> pictures;  // [count][input]
  for (const auto& sampler : samplers) pictures.push_back(draw(model, *sampler, inputs, options));
  const std::vector<Drawing> references = reference ? draw(model, *reference, inputs, options) : pictures.back();
  std::vector<StepCurve> curves(inputs.size());
  const ImageShape shape = model.picture_shape();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (judge) {
      const scenes::Promises promises = scenes::parse_caption(inputs[i].text);
      for (const auto& drawn : pictures) curves[i].shown.push_back(judge->judge(drawn[i].pixels).accuracy(promises));
    }
    for (std::size_t k = 0; k < pictures.size(); ++k) {
      if (k + 1 < pictures.size())
        curves[i].successive.push_back(similarity(shape, pictures[k][i].pixels, pictures[k + 1][i].pixels));
      curves[i].to_reference.push_back(similarity(shape, pictures[k][i].pixels, references[i].pixels));
    }
  }
  return curves;
}

}  // namespace

std::string fingerprint_of(const StepLabelling& l, const PictureModel& model) {
  const auto settings = [](const SamplerOptions& s) {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", static_cast<int>(s.kind),
                       static_cast<int>(s.spacing), s.offset, s.karras, static_cast<int>(s.prediction), s.eta,
                       s.final_alpha_one, s.limits.clip, s.limits.quantile, s.limits.highest,
                       static_cast<int>(s.noise.betas), s.noise.beta_start, s.noise.beta_end, s.noise.train_steps);
  };
  std::string all = fmt::format("step labels 2|{}|{}|{}", model.sha256(), settings(l.sampler), l.guidance);
  if (l.reference) all += fmt::format("|reference {} {}", l.reference->steps, settings(*l.reference));
  all += fmt::format("|{}|{}|{}|{}|{}", l.negative, fmt::join(l.grid, ","), l.seeds, l.seed, l.together);
  if (l.judge) all += "|judge " + l.judge_sha256;
  for (const std::string& text : l.texts) all += fmt::format("|{}:{}", text.size(), text);
  return sha256_hex(all);
}

std::vector<std::vector<StepCurve>> label_steps(const StepLabelling& labelling, const PictureModel& model,
                                                const std::filesystem::path& path,
                                                const std::function<void(std::int64_t texts)>& progress,
                                                const std::function<bool()>& cancelled) {
  if (!model.takes_text())
    throw Error(ErrorKind::config, "the model takes no text, so there is nothing to tell step counts from", "pipeline",
                "name a text-to-image pipeline");
  std::vector<std::unique_ptr<Sampler>> samplers;
  for (const std::int64_t steps : labelling.grid) {
    SamplerOptions sampler = labelling.sampler;
    sampler.steps = steps;
    samplers.push_back(make_sampler(sampler));
  }
  const std::unique_ptr<Sampler> reference = labelling.reference ? make_sampler(*labelling.reference) : nullptr;
  const DrawOptions options{.guidance = labelling.guidance, .negative = labelling.negative};
  LabelFile file(path, labelling, fingerprint_of(labelling, model));
  const auto seeds = static_cast<std::size_t>(labelling.seeds), together = static_cast<std::size_t>(labelling.together);
  const auto stop = [&] {
    throw Error(ErrorKind::interrupted, fmt::format("labelling stopped after {} prompts", file.rows() / seeds),
                path.string(), "run the same command again to continue");
  };
  while (file.rows() < labelling.texts.size() * seeds) {
    if (cancelled && cancelled()) stop();
    const std::size_t text = file.rows() / seeds;
    // Always the same texts together: what a killed run had of them already is drawn again and not written.
    const std::size_t first = text - text % together, end = std::min(first + together, labelling.texts.size());
    std::vector<DrawInput> inputs;
    for (std::size_t i = first * seeds; i < end * seeds; ++i)
      inputs.push_back(input_of(labelling, i / seeds, i % seeds, model.latent_shape().elements()));
    std::vector<StepCurve> curves;
    try {
      curves = curves_of(model, samplers, reference.get(), inputs, options, labelling.judge.get());
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) stop();
      throw;
    }
    for (std::size_t i = file.rows() - first * seeds; i < curves.size(); ++i) file.append(std::move(curves[i]));
    file.sync();
    if (progress) progress(static_cast<std::int64_t>(end));
  }
  return file.by_text();
}

}  // namespace dynexec
