// Makes pictures with a pipeline, or says how its texts are tokenized.
//   probe_pictures_draw draw FOLDER INPUT OUT   INPUT: JSON {"texts", "steps", "guidance", "negative",
//   "cache_interval",
//                                               "cache_branch"}, INPUT.noise: standard normal noise as raw fp32
//   probe_pictures_draw tokens FOLDER INPUT OUT INPUT: JSON {"texts", "positions"}, FOLDER: the tokenizer's
// Writes the pixels as raw fp32 or the token ids as JSON; prints what a picture took.
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "pictures/draw.hpp"
#include "pictures/prompt_tokens.hpp"

namespace {

using namespace dynexec;

void draw_pictures(const std::string& folder, const nlohmann::json& input, const std::string& path,
                   std::ofstream& out) {
  const auto model = load_picture_model(folder);
  SamplerOptions sampling = model->sampling();
  sampling.steps = input["steps"];
  const auto sampler = make_sampler(sampling);
  const auto texts = input["texts"].get<std::vector<std::string>>();
  const auto size = static_cast<std::size_t>(model->latent_shape().elements());
  std::ifstream noise(path + ".noise", std::ios::binary);
  std::vector<DrawInput> inputs;
  for (const std::string& text : texts) {
    inputs.push_back({.text = text, .noise = std::vector<float>(size), .streams = {}});
    noise.read(reinterpret_cast<char*>(inputs.back().noise.data()), static_cast<std::streamsize>(size * sizeof(float)));
  }
  const DrawOptions options{.guidance = input["guidance"],
                            .negative = input["negative"],
                            .cache_interval = input["cache_interval"],
                            .cache_branch = input["cache_branch"]};
  const auto drawings = draw(*model, *sampler, inputs, options);
  for (const Drawing& drawing : drawings)
    out.write(reinterpret_cast<const char*>(drawing.pixels.data()),
              static_cast<std::streamsize>(drawing.pixels.size() * sizeof(float)));
  const PictureCost& cost = drawings.at(0).cost;
  std::printf("steps %lld evaluations %lld reused %lld macs %.0f\n", static_cast<long long>(drawings[0].steps),
              static_cast<long long>(cost.evaluations), static_cast<long long>(cost.reused), cost.macs);
}

void tokenize(const std::string& folder, const nlohmann::json& input, std::ofstream& out) {
  const PromptTokens tokens(folder, input["positions"]);
  nlohmann::json ids = nlohmann::json::array();
  for (const auto& text : input["texts"]) ids.push_back(tokens.encode(text.get<std::string>()));
  out << ids;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return 2;
  try {
    const std::string part = arguments[1], folder = arguments[2], path = arguments[3];
    std::ifstream in(path);
    const nlohmann::json input = nlohmann::json::parse(in);
    std::ofstream out(arguments[4], std::ios::binary);
    if (part == "draw") {
      draw_pictures(folder, input, path, out);
    } else {
      tokenize(folder, input, out);
    }
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return 1;
  }
  return 0;
}
