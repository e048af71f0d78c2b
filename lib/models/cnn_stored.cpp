#include "models/cnn_stored.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "models/cnn_weights.hpp"

namespace dynexec {

bool cnn_in_int8(const ModelFolder& folder) {
  return !stored_format(folder, {"int8"}).empty();
}

CnnRanges read_cnn_ranges(const ModelFolder& folder, std::int64_t layers) {
  CnnRanges ranges = read_stored_floats(folder, kCnnRanges, {layers});
  for (std::size_t i = 0; i < ranges.size(); ++i)
    if (ranges[i] < 0)
      throw Error(ErrorKind::model, fmt::format("the range of layer {} is {:g}, below 0", i, ranges[i]),
                  (folder.path() / kCnnRanges).string(), "write the folder anew with dynexec compress quantize");
  return ranges;
}

CnnKernels cnn_kernels(const ModelFolder& folder, const CnnRanges& ranges) {
  CnnWeights weights;
  CnnKernels kernels;
  load_cnn_weights(folder, ranges, weights, &kernels);
  return kernels;
}

}  // namespace dynexec
