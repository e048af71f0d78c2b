#include "models/layer_formats.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dynexec {
namespace {

constexpr const char* kExample = "write MATRIX=FORMAT behind each +, as in int4-g32+v_proj=int8";

bool fits(const std::string& part, const std::string& matrix) {
  return ("." + matrix + ".").find("." + part + ".") != std::string::npos;
}

LayerFormats::Exception parse_exception(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw Error(ErrorKind::usage, "the exception '" + text + "' names no format", "weights", kExample);
  if (equals == 0) throw Error(ErrorKind::usage, "the exception '" + text + "' names no matrix", "weights", kExample);
  return {.part = text.substr(0, equals), .format = weight_format(text.substr(equals + 1))};
}

// Whole names without `weight`, and the words in them that tell matrices apart.
std::vector<std::string> parts_of(const std::vector<std::string>& matrices, std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const std::string& matrix : matrices) {
    const std::size_t end = matrix.ends_with(".weight") ? matrix.rfind('.') : matrix.size();
    names.push_back(matrix.substr(0, end));
    std::size_t begin = 0;
    while (begin < end) {
      const std::size_t dot = std::min(matrix.find('.', begin), end);
      std::string word = matrix.substr(begin, dot - begin);
      const bool number = word.find_first_not_of("0123456789") == std::string::npos;
      if (!number && std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
      begin = dot + 1;
    }
  }
  return names;
}

}  // namespace

LayerFormats LayerFormats::parse(std::string_view text) {
  std::size_t plus = std::min(text.find('+'), text.size());
  LayerFormats formats = weight_format(text.substr(0, plus));
  while (plus < text.size()) {
    const std::size_t begin = plus + 1;
    plus = std::min(text.find('+', begin), text.size());
    formats.exceptions_.push_back(parse_exception(std::string(text.substr(begin, plus - begin))));
  }
  return formats;
}

std::string LayerFormats::name() const {
  std::string text = base_.name();
  for (const Exception& exception : exceptions_) text += "+" + exception.part + "=" + exception.format.name();
  return text;
}

const WeightFormat& LayerFormats::of(const std::string& matrix) const {
  const auto found = std::find_if(exceptions_.rbegin(), exceptions_.rend(),
                                  [&](const Exception& exception) { return fits(exception.part, matrix); });
  return found == exceptions_.rend() ? base_ : found->format;
}

std::vector<WeightFormat> LayerFormats::all() const {
  std::vector<WeightFormat> formats{base_};
  for (const Exception& exception : exceptions_)
    if (std::find(formats.begin(), formats.end(), exception.format) == formats.end())
      formats.push_back(exception.format);
  return formats;
}

bool LayerFormats::quantised() const {
  const std::vector<WeightFormat> formats = all();
  return std::any_of(formats.begin(), formats.end(), [](const WeightFormat& format) { return format.quantised(); });
}

bool LayerFormats::rounded_inputs() const {
  return *this != without_rounded_inputs();
}

LayerFormats LayerFormats::without_rounded_inputs() const {
  LayerFormats formats = *this;
  formats.base_.rounded_inputs = false;
  for (Exception& exception : formats.exceptions_) exception.format.rounded_inputs = false;
  return formats;
}

void require_used(const LayerFormats& formats, const std::vector<std::string>& matrices, const FormatsOrigin& origin) {
  for (const LayerFormats::Exception& exception : formats.exceptions()) {
    const std::string& part = exception.part;
    if (std::any_of(matrices.begin(), matrices.end(), [&](const std::string& name) { return fits(part, name); }))
      continue;
    std::vector<std::string> words;
    std::vector<std::string> candidates = parts_of(matrices, words);
    candidates.insert(candidates.begin(), words.begin(), words.end());
    const std::string nearest = nearest_name(part, candidates);
    throw Error(origin.kind,
                "no matrix of the layers is called '" + part + "', which has the format " + exception.format.name(),
                origin.where,
                nearest.empty() ? fmt::format("choose from the words of their names: {}", fmt::join(words, ", "))
                                : fmt::format("did you mean {}?", nearest));
  }
}

void require_one_format(const LayerFormats& formats, const std::string& gate, const std::string& up,
                        const FormatsOrigin& origin) {
  const WeightFormat &first = formats.of(gate), &second = formats.of(up);
  if (first == second) return;
  throw Error(origin.kind,
              fmt::format("{} is {} and {} {}; they are multiplied with each other and need one format", gate,
                          first.name(), up, second.name()),
              origin.where, "name the same format for both");
}

}  // namespace dynexec
