#include "models/cnn.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "kernels/pool2d.hpp"
#include "models/cnn_maps.hpp"

namespace dynexec {

std::shared_ptr<const Cnn> Cnn::load(const ModelFolder& folder, const CnnRanges& ranges) {
  std::shared_ptr<Cnn> network(new Cnn());
  load_cnn_weights(folder, ranges, *network->weights_);
  require_room_for_maps(plan_maps(*network->weights_).bytes(), (folder.path() / "config.json").string());
  return network;
}

std::shared_ptr<const Cnn> Cnn::load(const std::filesystem::path& folder) {
  return load(ModelFolder::open(folder));
}

Cnn::Cnn() : weights_(std::make_unique<CnnWeights>()) {}
Cnn::~Cnn() = default;

const CnnConfig& Cnn::config() const {
  return weights_->config;
}
const std::vector<CnnUnit>& Cnn::units() const {
  return weights_->units;
}
double Cnn::parameters() const {
  return weights_->parameters;
}

double Cnn::classifier_macs() const {
  double macs = 0;
  for (const auto& layer : weights_->classifier) macs += layer->macs_per_row();
  return macs;
}

double Cnn::classifier_bytes() const {
  double bytes = 0;
  for (const auto& layer : weights_->classifier) bytes += static_cast<double>(layer->weight_bytes());
  return bytes;
}

std::size_t Cnn::embedding_width() const {
  return static_cast<std::size_t>(weights_->classifier.back()->in_features());
}

double Cnn::macs() const {
  double macs = classifier_macs();
  for (const CnnUnit& unit : weights_->units) macs += unit.macs;
  return macs;
}

double Cnn::weight_bytes() const {
  double bytes = classifier_bytes();
  for (const CnnUnit& unit : weights_->units) bytes += unit.weight_bytes;
  return bytes;
}

struct CnnSession::State {
  State(std::shared_ptr<const Cnn> owner, const CnnWeights& w);

  // One step of several images.
  static void run_step(std::span<CnnSession* const> sessions, std::size_t index);
  const FeatureMap& block_shortcut(const CnnStep& step);
  std::size_t input_of_step(std::size_t index) const { return index == 0 ? 0 : plan.map_of_step[index - 1]; }
  // Null where there is none.
  ByteMap* coded(std::size_t map) { return plan.maps[map].coded ? &codes[map] : nullptr; }

  std::shared_ptr<const Cnn> network;
  const CnnWeights& weights;
  CnnMaps plan;
  std::vector<FeatureMap> maps;  // as planned
  std::vector<ByteMap> codes;    // of the maps, empty where there are none
  std::vector<float> pooled, hidden, next;
  std::vector<ConvJob> jobs;
  std::size_t next_step = 0, done = 0;
  bool started = false;
};

CnnSession::State::State(std::shared_ptr<const Cnn> owner, const CnnWeights& w)
    : network(std::move(owner)), weights(w), plan(plan_maps(w)) {
  for (const MapShape& map : plan.maps) {
    maps.emplace_back(map.size, map.size, map.channels, map.border);
    codes.push_back(map.coded ? ByteMap(map.size, map.size, map.channels, map.border) : ByteMap());
  }
  const std::int64_t features = weights.classifier.front()->in_features();
  pooled.resize(static_cast<std::size_t>(features));
  std::int64_t widest = 1;
  for (const auto& layer : weights.classifier) widest = std::max(widest, layer->out_features());
  hidden.resize(static_cast<std::size_t>(widest));
  next.resize(static_cast<std::size_t>(widest));
  jobs.reserve(1);
}

const FeatureMap& CnnSession::State::block_shortcut(const CnnStep& step) {
  const auto index = static_cast<std::size_t>(&step - weights.steps.data());
  const FeatureMap& input = maps[plan.block_input[index]];
  FeatureMap& shortcut = maps[plan.shortcut_of_step[index]];
  if (step.projection) {
    const ConvJob job{.in = &input, .out = &shortcut, .in_bytes = coded(plan.block_input[index])};
    step.projection->forward(std::span(&job, 1), Activation::none);
  } else if (&shortcut != &input) {
    // Option A: every stride-th pixel, zero channels on both sides.
    const std::int64_t before = (step.channels - input.channels()) / 2;
    for (std::int64_t y = 0; y < step.size; ++y)
      for (std::int64_t x = 0; x < step.size; ++x)
        std::copy_n(input.at(y * step.shortcut_stride, x * step.shortcut_stride), input.channels(),
                    shortcut.at(y, x) + before);
  }
  return shortcut;
}

void CnnSession::State::run_step(std::span<CnnSession* const> sessions, std::size_t index) {
  State& first = *sessions.front()->state_;
  const CnnStep& step = first.weights.steps[index];
  first.jobs.clear();
  for (CnnSession* const session : sessions) {
    State& s = *session->state_;
    const std::size_t from = s.input_of_step(index), to = s.plan.map_of_step[index];
    ByteMap* const out_bytes = step.byte_scale > 0 ? s.coded(to) : nullptr;
    if (!step.convolution) {
      max_pool(s.maps[from], s.maps[to], step.pool_kernel, step.pool_stride, step.pool_padding);
      if (out_bytes) max_pool(*s.coded(from), *out_bytes, step.pool_kernel, step.pool_stride, step.pool_padding);
    } else {
      first.jobs.push_back({.in = &s.maps[from],
                            .out = &s.maps[to],
                            .residual = step.ends_block ? &s.block_shortcut(step) : nullptr,
                            .in_bytes = s.coded(from),
                            .out_bytes = out_bytes,
                            .out_scale = step.byte_scale});
    }
  }
  if (step.convolution) step.convolution->forward(first.jobs, Activation::relu);
}

CnnSession::CnnSession(std::shared_ptr<const Cnn> network) {
  const CnnWeights& weights = *network->weights_;
  state_ = std::make_unique<State>(std::move(network), weights);
}
CnnSession::~CnnSession() = default;
CnnSession::CnnSession(CnnSession&&) noexcept = default;

const Cnn& CnnSession::network() const {
  return *state_->network;
}
std::size_t CnnSession::done() const {
  return state_->done;
}

void CnnSession::start(std::span<const float> image) {
  State& s = *state_;
  const CnnConfig& config = s.weights.config;
  const std::int64_t size = config.image_size, area = size * size;
  if (static_cast<std::int64_t>(image.size()) != config.in_channels * area)
    throw Error(ErrorKind::data,
                fmt::format("an image of {} values, the network takes {} x {} x {}", image.size(), config.in_channels,
                            size, size),
                "", "use images of the network's size");
  FeatureMap& input = s.maps[0];
  for (std::int64_t c = 0; c < config.in_channels; ++c) {
    const float mean = config.mean[static_cast<std::size_t>(c)];
    const float factor = 1.0f / config.deviation[static_cast<std::size_t>(c)];
    const float* plane = image.data() + c * area;
    for (std::int64_t y = 0; y < size; ++y) {
      float* row = input.at(y, 0) + c;
      for (std::int64_t x = 0; x < size; ++x) row[x * config.in_channels] = (plane[y * size + x] - mean) * factor;
    }
  }
  s.next_step = s.done = 0;
  s.started = true;
}

void CnnSession::run_to(std::size_t unit) {
  CnnSession* const alone[] = {this};
  run_together(alone, unit);
}

void CnnSession::run_together(std::span<CnnSession* const> sessions, std::size_t unit) {
  const State& first = *sessions.front()->state_;
  for (CnnSession* const session : sessions) {
    const State& s = *session->state_;
    if (!s.started || unit >= s.weights.units.size())
      throw Error(ErrorKind::internal, fmt::format("unit {} of {} cannot be run", unit, s.weights.units.size()), "",
                  "");
    if (&s.weights != &first.weights || s.next_step != first.next_step)
      throw Error(ErrorKind::internal, "images of several networks or depths cannot be run together", "", "");
  }
  if (unit < first.done) return;
  const std::size_t last = first.weights.unit_steps[unit];
  for (std::size_t step = first.next_step; step <= last; ++step) State::run_step(sessions, step);
  for (CnnSession* const session : sessions) {
    session->state_->next_step = last + 1;
    session->state_->done = unit + 1;
  }
}

void CnnSession::observe(CnnRanges& ranges) {
  State& s = *state_;
  if (!s.started || s.next_step != 0) throw Error(ErrorKind::internal, "units have run already", "", "");
  ranges.resize(s.weights.steps.size());
  CnnSession* const alone[] = {this};
  for (; s.next_step < s.weights.steps.size(); ++s.next_step) {
    State::run_step(alone, s.next_step);
    const FeatureMap& map = s.maps[s.plan.map_of_step[s.next_step]];
    float& highest = ranges[s.next_step];
    for (std::int64_t y = 0; y < map.height(); ++y)
      highest = std::max(highest, kernel_branch().maximum(map.at(y, 0), map.width() * map.channels()));
  }
  s.done = s.weights.units.size();
}

const FeatureMap& CnnSession::features() const {
  const State& s = *state_;
  return s.maps[s.input_of_step(s.next_step)];
}

std::span<const float> CnnSession::logits() {
  State& s = *state_;
  if (s.done != s.weights.units.size()) throw Error(ErrorKind::internal, "units are left to run", "", "");
  const bool resnet = s.weights.config.family == CnnFamily::resnet;
  adaptive_average_pool(features(), resnet ? 1 : s.weights.config.pooled_size, s.pooled.data());
  const float* in = s.pooled.data();
  for (const auto& layer : s.weights.classifier) {
    layer->forward(in, s.next.data(), 1);
    std::swap(s.hidden, s.next);
    in = s.hidden.data();
  }
  return std::span(s.hidden).first(static_cast<std::size_t>(s.weights.config.classes));
}

std::span<const float> CnnSession::embedding() const {
  const State& s = *state_;
  // logits() left the last layer's input in the buffer that it swapped away.
  return std::span(s.weights.classifier.size() > 1 ? s.next : s.pooled).first(s.network->embedding_width());
}

double CnnSession::memory_bytes() const {
  const State& s = *state_;
  auto floats = static_cast<double>(s.pooled.size() + s.hidden.size() + s.next.size());
  double bytes = floats * static_cast<double>(sizeof(float));
  for (const FeatureMap& map : s.maps) bytes += static_cast<double>(map.bytes());
  for (const ByteMap& map : s.codes) bytes += static_cast<double>(map.bytes());
  return bytes;
}

}  // namespace dynexec
