// Runs images through a network and writes what comes out as raw fp32.
//   probe_models_cnn FOLDER IMAGES OUT [BRANCH [THREADS]]
// IMAGES: raw fp32 [count, channels, size, size] in [0, 1]. OUT: for each image the logits; then, for the first image,
// the map of every unit as [channels, size, size]. Prints name, channels, size and MACs of the units, then parameters.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.hpp"
#include "kernels/linear.hpp"
#include "kernels/thread_pool.hpp"
#include "models/cnn.hpp"

namespace {

using namespace dynexec;

void write(std::ofstream& out, std::span<const float> values) {
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
}

void write_map(std::ofstream& out, const FeatureMap& map) {
  std::vector<float> planes;
  for (std::int64_t c = 0; c < map.channels(); ++c)
    for (std::int64_t y = 0; y < map.height(); ++y)
      for (std::int64_t x = 0; x < map.width(); ++x) planes.push_back(map.at(y, x)[c]);
  write(out, planes);
}

void run(int count, char** arguments) {
  if (count > 4) select_kernel_branch(arguments[4]);
  if (count > 5) set_compute_threads(std::atoi(arguments[5]));
  const auto network = Cnn::load(std::filesystem::path(arguments[1]));
  CnnSession session(network);
  const CnnConfig& config = network->config();
  std::vector<float> image(static_cast<std::size_t>(config.in_channels * config.image_size * config.image_size));
  std::ifstream in(arguments[2], std::ios::binary);
  std::ofstream out(arguments[3], std::ios::binary);
  const auto next = [&] {
    return static_cast<bool>(
        in.read(reinterpret_cast<char*>(image.data()), static_cast<std::streamsize>(image.size() * sizeof(float))));
  };
  while (next()) {
    session.start(image);
    session.run_to(network->units().size() - 1);
    write(out, session.logits());
  }
  in.clear();
  in.seekg(0);
  if (!next()) throw Error(ErrorKind::data, "no image", arguments[2], "");
  session.start(image);
  for (std::size_t unit = 0; unit < network->units().size(); ++unit) {
    const CnnUnit& about = network->units()[unit];
    session.run_to(unit);
    write_map(out, session.features());
    std::printf("%s %lld %lld %.0f\n", about.name.c_str(), static_cast<long long>(about.channels),
                static_cast<long long>(about.size), about.macs);
  }
  std::printf("parameters %.0f macs %.0f\n", network->parameters(), network->macs());
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string(arguments[1]) == "branches") {
    for (const std::string& name : dynexec::kernel_branches()) std::printf("%s\n", name.c_str());
    return 0;
  }
  if (count < 4) return 2;
  try {
    run(count, arguments);
  } catch (const dynexec::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
