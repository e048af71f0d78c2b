#include "compress/quantise_cnn.hpp"

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "compress/folder_copy.hpp"
#include "models/cnn_stored.hpp"

namespace dynexec {

QuantiseReport quantise_cnn(const ModelFolder& from, const std::filesystem::path& to, const CnnRanges& ranges) {
  if (ranges.empty()) throw Error(ErrorKind::internal, "a network in int8 without ranges", "", "");
  const CnnKernels kernels = cnn_kernels(from, ranges);
  if (kernels.empty())
    throw Error(ErrorKind::config, "the network has no convolution that can be int8", from.path().string(),
                "keep it in fp32: int8 takes whole fours of input channels");
  begin_folder(from.path(), to);
  QuantiseReport report{.bytes_before = tensor_bytes(from)};
  std::map<std::string, TensorView> added;
  for (const CnnKernel& kernel : kernels) {
    report.matrices.push_back({.name = kernel.name});
    for (const TensorView& view : kernel_views(kernel.name, kernel.shape, kernel.kernel)) added[view.name] = view;
  }
  added[kCnnRanges] = {.name = kCnnRanges,
                       .dtype = DType::f32,
                       .shape = {static_cast<std::int64_t>(ranges.size())},
                       .bytes = std::as_bytes(std::span(ranges))};
  report.bytes_after = write_changed_tensors(from, to / "model.safetensors", added);
  copy_files(from.path(), to, stays_with_weights);
  nlohmann::json config = from.config();
  config["quantization_config"] = stored_format_json("int8");
  write_file_atomically((to / "config.json").string(), config.dump(2) + "\n");
  return report;
}

}  // namespace dynexec
