// The gradient of one batch on several threads, each taking a share of the rows through the whole network. Networks of
// small maps gain little from threads within an operator.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "train/checkpoint.hpp"

namespace dynexec {

class DataParallel {
 public:
  // At least one share. From here on operators run on one thread each.
  explicit DataParallel(int shares);

  // `loss` is the mean over the rows [first, first + rows) of a batch of `rows` rows; it runs on several threads at
  // once and must not change what they share. Puts the gradient of the mean over the batch into the parameters, summed
  // in the order of the shares, and returns that mean. The first error of a share is thrown.
  double gradient(const NamedTensors& parameters, std::int64_t rows,
                  const std::function<at::Tensor(std::int64_t first, std::int64_t rows)>& loss) const;

  // Runs work(0) to work(count - 1), each once, on as many threads as there are shares. The first error is thrown.
  void each(std::int64_t count, const std::function<void(std::int64_t)>& work) const;

 private:
  int shares_;
};

}  // namespace dynexec
