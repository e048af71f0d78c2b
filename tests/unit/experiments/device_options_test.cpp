// Where the models of a config compute.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "experiments/speculative/options.hpp"

using namespace dynexec;
using namespace dynexec::speculative;

namespace {

Options options_of(const std::string& model, const std::string& paths) {
  const Config config = Config::parse("model: {target: t, draft: d, " + model + "}\npaths:\n" + paths, "test.yaml", {});
  Options options = read_options(config.root());
  config.reject_unread();
  return options;
}

const std::string kPaths = "  - {name: a, method: autoregressive}\n  - {name: b, drafter: model}\n";

std::string refusal(const std::string& model, const std::string& paths = kPaths) {
  try {
    options_of(model, paths);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    return format_error(error);
  }
  return "";
}

}  // namespace

TEST_CASE("the draft computes where the target does, as long as nothing else is said") {
  const Options plain = options_of("device: cpu", kPaths);
  CHECK(plain.paths[1].weights == DecoderFormats{});
  CHECK(plain.paths[1].draft_weights == DecoderFormats{});
  const Options both = options_of("device: libtorch, weights: bf16", kPaths);
  CHECK(both.paths[0].weights.device == ComputeDevice::libtorch);
  CHECK(both.paths[1].draft_weights.device == ComputeDevice::libtorch);
  CHECK(both.paths[1].describe().find("bf16, head fp32, device libtorch") != std::string::npos);
  const Options apart = options_of("device: libtorch, draft_device: cpu, draft_weights: int8", kPaths);
  CHECK(apart.paths[1].weights.device == ComputeDevice::libtorch);
  CHECK(apart.paths[1].draft_weights.device == ComputeDevice::cpu);
  const Options own = options_of("max_context: 0", kPaths + "  - {name: c, drafter: model, device: libtorch}\n");
  CHECK(own.paths[1].weights.device == ComputeDevice::cpu);
  CHECK(own.paths[2].weights.device == ComputeDevice::libtorch);
  CHECK(own.paths[2].draft_weights.device == ComputeDevice::libtorch);
}

TEST_CASE("what a device cannot do is refused where the config asks for it") {
  CHECK(refusal("device: gpu").find("cuda") != std::string::npos);
  const std::string int8 = refusal("device: libtorch, weights: int8");
  CHECK(int8.find("test.yaml:1:") != std::string::npos);
  CHECK(int8.find("not int8") != std::string::npos);
  CHECK(refusal("device: libtorch, kv_cache: int8").find("keys and values") != std::string::npos);
  const std::string path = refusal("device: cpu", kPaths + "  - {name: c, device: libtorch, weights: int4-g64}\n");
  CHECK(path.find("test.yaml:5:") != std::string::npos);
  CHECK(refusal("device: libtorch", kPaths + "hardware: {profile: p}\n").find("hardware") != std::string::npos);
  if (device_problem(ComputeDevice::cuda)) {
    const std::string cuda = refusal("device: cuda");
    CHECK(cuda.find("test.yaml:1:") != std::string::npos);
    CHECK(cuda.find("device cuda cannot be used") != std::string::npos);
    CHECK(cuda.find("device: cpu") != std::string::npos);
  }
}
