// What a U-Net predicts. Usage: probe_models_unet FOLDER IMAGES TIMESTEPS OUT: raw fp32 images, as many timesteps on
// one line of text, raw fp32 predictions.
#include <cstdio>
#include <fstream>
#include <vector>

#include "base/error.hpp"
#include "models/layer_norm_unet.hpp"

int main(int argc, char** argv) {
  using namespace dynexec;
  if (argc != 5) return 2;
  try {
    const auto network = load_layer_norm_unet(ModelFolder::open(argv[1]));
    const auto elements = static_cast<std::size_t>(network->shape().elements());
    std::ifstream images(argv[2], std::ios::binary), timesteps(argv[3]);
    std::ofstream out(argv[4], std::ios::binary);
    std::vector<float> image(elements), predicted(elements);
    const auto bytes = static_cast<std::streamsize>(elements * sizeof(float));
    for (double t = 0; timesteps >> t && images.read(reinterpret_cast<char*>(image.data()), bytes);) {
      network->predict(image, t, predicted);
      out.write(reinterpret_cast<const char*>(predicted.data()), bytes);
    }
    std::printf("%.17g %.17g\n", network->macs(), network->weight_bytes());
    return out.good() ? 0 : 1;
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return exit_code(error.kind());
  }
}
