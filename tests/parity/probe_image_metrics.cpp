// Reads cases as JSON lines on stdin and prints what lib/image computes for each, a JSON line a case.
//   {"kind": "ssim" | "ssim_gray" | "psnr", "shape": [c, h, w], "first": [...], "second": [...], "range": r}
//   {"kind": "frechet", "first": [...], "second": [...], "samples": [n, m], "width": d}
//   {"kind": "compare", "reference": [...], "first": [...], "second": [...], "samples": [n, m], "width": d,
//    "resamples": N, "seed": N}: n samples in the reference, m in each of the others
//   {"kind": "eigenvalues", "matrix": [...], "size": n}
//   {"kind": "feature_distance", "layers": [{"shape": [c, h, w], "first": [...], "second": [...]}, ...]}
//   {"kind": "png", "path": "...", "shape": [3, h, w], "first": [...]}
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "image/feature_distance.hpp"
#include "image/frechet_bootstrap.hpp"
#include "image/png.hpp"
#include "image/psnr.hpp"
#include "image/ssim.hpp"
#include "image/symmetric_eigen.hpp"

namespace {

using namespace dynexec;
using nlohmann::json;

using Floats = std::vector<float>;

Planes planes(const Floats& values, const json& shape) {
  return {values, shape.at(0), shape.at(1), shape.at(2)};
}

// JSON has no infinities or NaN: those become null.
json number(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json figure(const FrechetFigure& figure) {
  return {{"value", figure.value}, {"low", figure.low}, {"high", figure.high}, {"bias", figure.bias}};
}

json image_answer(const json& question) {
  const Floats first = question.at("first"), second = question.at("second");
  const json& shape = question.at("shape");
  const double range = question.at("range");
  const std::string kind = question.at("kind");
  const auto metric = kind == "ssim" ? ssim : kind == "ssim_gray" ? ssim_gray : psnr;
  return number(metric(planes(first, shape), planes(second, shape), range));
}

json compare_answer(const json& question) {
  const Floats reference = question.at("reference"), first = question.at("first"), second = question.at("second");
  const std::size_t width = question.at("width"), samples = question.at("samples").at(1);
  const FrechetReference fixed(feature_moments({reference, question.at("samples").at(0), width}));
  const FrechetBootstrapOptions options{.resamples = question.at("resamples"), .seed = question.at("seed")};
  const FrechetComparison result = compare_frechet(fixed, {first, samples, width}, {second, samples, width}, options);
  return {
      {"first", figure(result.first)}, {"second", figure(result.second)}, {"difference", figure(result.difference)}};
}

json feature_answer(const json& question) {
  std::vector<Floats> values;
  std::vector<Planes> first, second;
  const json& layers = question.at("layers");
  values.reserve(2 * layers.size());  // the planes look into them
  for (const json& layer : layers) {
    first.push_back(planes(values.emplace_back(layer.at("first").get<Floats>()), layer.at("shape")));
    second.push_back(planes(values.emplace_back(layer.at("second").get<Floats>()), layer.at("shape")));
  }
  return feature_distance(first, second);
}

json answer(const json& question) {
  const std::string kind = question.at("kind");
  if (kind == "frechet") {
    const Floats first = question.at("first"), second = question.at("second");
    const std::size_t width = question.at("width");
    return frechet_distance({first, question.at("samples").at(0), width},
                            {second, question.at("samples").at(1), width});
  }
  if (kind == "compare") return compare_answer(question);
  if (kind == "feature_distance") return feature_answer(question);
  if (kind == "eigenvalues") {
    return symmetric_eigenvalues(question.at("matrix").get<std::vector<double>>(), question.at("size"));
  }
  if (kind == "png") {
    const Floats values = question.at("first");
    write_png(question.at("path"), picture_from(planes(values, question.at("shape")), 0, 1));
    return true;
  }
  return image_answer(question);
}

}  // namespace

int main() {
  std::cout.precision(17);
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(json::parse(line)).dump() << "\n";
}
