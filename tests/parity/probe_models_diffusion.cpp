// Runs one component of a diffusers pipeline and writes what comes out as raw fp32.
//   probe_models_diffusion unet FOLDER INPUT OUT     INPUT: JSON {"shape", "timesteps", "states_shape"}
//   probe_models_diffusion vae FOLDER INPUT OUT      INPUT: JSON {"shape"}
//   probe_models_diffusion text FOLDER INPUT OUT     INPUT: JSON {"texts", "skip"}
//   probe_models_diffusion pipeline FOLDER INPUT OUT loads a whole pipeline, INPUT as of unet
// Beside INPUT lie INPUT.sample and INPUT.states as raw fp32. The U-Net gives an output for every timestep, all from
// the same sample. Prints parameters, MACs and the seconds of the fastest evaluation.
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.hpp"
#include "models/diffusion/pipeline.hpp"

namespace {

using namespace dynexec::diffusers;

at::Tensor read_tensor(const std::string& path, const std::vector<std::int64_t>& shape) {
  const std::int64_t count = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  std::vector<float> values(static_cast<std::size_t>(count));
  std::ifstream in(path, std::ios::binary);
  in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  return at::from_blob(values.data(), shape, at::kFloat).clone();
}

void write(std::ofstream& out, const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  out.write(static_cast<const char*>(flat.const_data_ptr()), static_cast<std::streamsize>(flat.nbytes()));
}

void run_unet(const UNet& unet, const nlohmann::json& input, const std::string& path, std::ofstream& out) {
  const at::Tensor sample = read_tensor(path + ".sample", input["shape"]);
  const TimeTable times = unet.times(input["timesteps"].get<std::vector<double>>());
  Prompt prompt;
  if (input.contains("states_shape")) prompt = unet.prompt(read_tensor(path + ".states", input["states_shape"]));
  Cost cost;
  double seconds = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < times.timesteps.size(); ++i) {
    cost = {};
    const auto start = std::chrono::steady_clock::now();
    write(out, unet.forward(sample, times, i, prompt, cost));
    seconds = std::min(seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("parameters %.0f macs %.0f prompt %.0f times %.0f seconds %.4f\n", unet.parameters(), cost.macs,
              prompt.cost.macs, times.cost.macs, seconds);
}

void run(const std::string& part, const std::string& folder, const std::string& path, const std::string& to) {
  std::ifstream in(path);
  const nlohmann::json input = nlohmann::json::parse(in);
  std::ofstream out(to, std::ios::binary);
  Cost cost;
  if (part == "unet") {
    run_unet(*UNet::load(folder), input, path, out);
  } else if (part == "pipeline") {
    run_unet(*load_pipeline(folder).unet, input, path, out);
  } else if (part == "vae") {
    const auto decoder = ImageDecoder::load(folder);
    write(out, decoder->decode(read_tensor(path + ".sample", input["shape"]), cost));
    std::printf("parameters %.0f macs %.0f\n", decoder->parameters(), cost.macs);
  } else {
    const auto text = ClipText::load(folder);
    const auto texts = input["texts"].get<std::vector<std::vector<std::int32_t>>>();
    write(out, text->encode(texts, cost, input["skip"].get<std::int64_t>()));
    std::printf("parameters %.0f macs %.0f\n", text->parameters(), cost.macs);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return 2;
  try {
    run(arguments[1], arguments[2], arguments[3], arguments[4]);
  } catch (const dynexec::Error& error) {
    std::fputs(dynexec::format_error(error).c_str(), stderr);
    return 1;
  }
  return 0;
}
