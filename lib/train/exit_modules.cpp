#include "train/exit_modules.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "base/random.hpp"
#include "train/code_pool.hpp"

namespace dynexec {
namespace {

at::Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed, std::uint64_t index) {
  at::Tensor tensor = at::empty({rows, columns});
  RandomStream random(seed, index, 0, static_cast<std::uint32_t>(Purpose::weights));
  const double deviation = 1 / std::sqrt(static_cast<double>(columns));
  float* values = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
  return tensor;
}

}  // namespace

ExitModules::ExitModules(const Backbone& network, std::vector<std::size_t> units, const ExitTrainOptions& options)
    : units_(std::move(units)), bag_of_features_(options.head == "bof") {
  const std::int64_t classes = network.config().classes;
  for (std::size_t head = 0; head < units_.size(); ++head) {
    const std::int64_t channels = network.units().at(units_[head]).channels;
    if (!bag_of_features_) {
      add(head, "linear.weight", at::zeros({classes, channels}));
      add(head, "linear.bias", at::zeros({classes}));
      continue;
    }
    const std::int64_t words = options.codewords, hidden = options.hidden;
    add(head, "codebook.weight",
        random_matrix(words, channels, options.seed, 3 * head).reshape({words, channels, 1, 1}));
    add(head, "codebook.bias", at::zeros({words}));
    add(head, "slope", at::ones({1}));
    add(head, "shift", at::zeros({1}));
    add(head, "hidden.weight", random_matrix(hidden, 4 * words, options.seed, 3 * head + 1));
    add(head, "hidden.bias", at::zeros({hidden}));
    add(head, "out.weight", random_matrix(classes, hidden, options.seed, 3 * head + 2));
    add(head, "out.bias", at::zeros({classes}));
  }
}

void ExitModules::add(std::size_t head, const std::string& name, at::Tensor value) {
  value = value.contiguous();
  value.requires_grad_(true);
  parameters_.emplace_back(fmt::format("exits.{}.{}", units_[head], name), std::move(value));
}

const at::Tensor& ExitModules::part(std::size_t head, const std::string& name) const {
  const std::string wanted = fmt::format("exits.{}.{}", units_[head], name);
  for (const auto& [found, tensor] : parameters_)
    if (found == wanted) return tensor;
  throw Error(ErrorKind::internal, "no such part", wanted, "");
}

at::Tensor ExitModules::forward(std::size_t head, const at::Tensor& map) const {
  if (!bag_of_features_) return at::linear(map.mean({1, 2}), part(head, "linear.weight"), part(head, "linear.bias"));
  // (tanh(z) + 1) / 2 is the logistic function of 2z; slope and shift go into the small matrix, not over the maps.
  const at::Tensor twice = 2 * part(head, "slope");
  const at::Tensor scores = at::linear(map, twice * part(head, "codebook.weight").flatten(1),
                                       twice * part(head, "codebook.bias") + 2 * part(head, "shift"));
  // The checkpoint's histograms have their codewords outermost.
  const at::Tensor histogram = pool_codes_2x2(scores).permute({0, 3, 1, 2}).flatten(1);
  const at::Tensor hidden = at::linear(histogram, part(head, "hidden.weight"), part(head, "hidden.bias"));
  return at::linear(hidden, part(head, "out.weight"), part(head, "out.bias"));
}

}  // namespace dynexec
