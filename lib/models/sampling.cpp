#include "models/sampling.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.hpp"
#include "kernels/branch.hpp"

namespace dynexec {
namespace {

// Buffers of the calling thread: grown to the largest vocabulary once.
struct Scratch {
  std::vector<float> logits, values;
  std::vector<std::uint64_t> keys;
};

Scratch& scratch() {
  thread_local Scratch memory;
  return memory;
}

constexpr std::int64_t kBlock = 64;  // values whose maximum is looked at first
constexpr std::int64_t kDrawBlock = 512;
constexpr std::size_t kHeapTopK = 256;      // up to here the k largest are kept in a heap
constexpr std::size_t kNucleusStep = 4096;  // most candidates that one selection puts in place

std::int64_t length(std::span<const float> values) {
  return static_cast<std::int64_t>(values.size());
}

void check_size(std::size_t found, std::size_t wanted) {
  if (found != wanted || wanted == 0) {
    throw Error(ErrorKind::internal, "logits and probabilities differ in size or are empty", "", "");
  }
}

// Keys of the reference implementation: a token seen before has its logit divided by the penalty when
// positive, multiplied otherwise, once however often it was seen.
void penalise(std::span<float> logits, std::span<const float> original, std::span<const std::int32_t> history,
              float penalty) {
  for (const std::int32_t id : history) {
    if (id < 0 || static_cast<std::size_t>(id) >= logits.size()) continue;
    const float logit = original[static_cast<std::size_t>(id)];
    logits[static_cast<std::size_t>(id)] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

// The k-th largest value. Small k: a heap of the k largest so far, and blocks without anything larger than
// its least are skipped.
float kth_largest(std::span<const float> values, std::size_t k) {
  std::vector<float>& heap = scratch().values;
  if (k > kHeapTopK) {
    heap.assign(values.begin(), values.end());
    std::nth_element(heap.begin(), heap.begin() + static_cast<std::ptrdiff_t>(k - 1), heap.end(), std::greater<>());
    return heap[k - 1];
  }
  heap.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k));
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (std::int64_t begin = static_cast<std::int64_t>(k); begin < length(values); begin += kBlock) {
    const std::int64_t end = std::min(length(values), begin + kBlock);
    if (kernel_branch().maximum(values.data() + begin, end - begin) <= heap.front()) continue;
    for (std::int64_t i = begin; i < end; ++i) {
      const float value = values[static_cast<std::size_t>(i)];
      if (value <= heap.front()) continue;
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.back() = value;
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  }
  return heap.front();
}

// Bits of a weight above its index: keys order as weights do (weights are not negative), equal ones by index,
// so that the higher index is kept longer, as a stable ascending sort leaves it.
std::uint64_t key_of(float weight, std::size_t index) {
  return (std::uint64_t{std::bit_cast<std::uint32_t>(weight)} << 32) | index;
}
float weight_of(std::uint64_t key) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32));
}

// Sets to 0 what lies outside the smallest set of likeliest tokens whose mass reaches top_p of `total`.
// Selection by partition: each round keeps the part that holds the border, so that no sort of the vocabulary
// is needed.
void keep_nucleus(std::span<float> weights, double total, double top_p) {
  std::vector<std::uint64_t>& keys = scratch().keys;
  keys.clear();
  // Tokens this light hold less than 1 - top_p even all together: none of them can be in the set.
  const auto light = static_cast<float>(0.999 * (1 - top_p) * total / static_cast<double>(weights.size()));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > light) {
      keys.push_back(key_of(weights[i], i));
    } else {
      weights[i] = 0;
    }
  }
  std::size_t begin = 0, end = keys.size();  // [0, begin) is kept, [end, size) is dropped
  double mass = 0;                           // of [0, begin)
  const double border = top_p * total;
  while (end - begin > 1) {
    const std::size_t middle = begin + std::min((end - begin) / 2, kNucleusStep);
    const auto at = [&](std::size_t i) { return keys.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(at(begin), at(middle), at(end), std::greater<>());
    double upper = mass;
    for (std::size_t i = begin; i < middle; ++i) upper += static_cast<double>(weight_of(keys[i]));
    if (upper < border) {
      mass = upper;
      begin = middle;
    } else {
      end = middle;
    }
  }
  // One candidate is left; it is kept when the tokens before it fall short, and the first token always is.
  std::size_t kept = begin;
  if (end > begin && (mass < border || begin == 0)) kept = begin + 1;
  for (std::size_t i = kept; i < keys.size(); ++i) weights[keys[i] & 0xffffffffu] = 0;
}

}  // namespace

std::int32_t argmax(std::span<const float> logits) {
  check_size(logits.size(), logits.size());
  const float top = kernel_branch().maximum(logits.data(), static_cast<std::int64_t>(logits.size()));
  const auto found = std::find(logits.begin(), logits.end(), top);
  return found == logits.end() ? 0 : static_cast<std::int32_t>(found - logits.begin());
}

float top_gap(std::span<const float> logits) {
  if (logits.size() < 2) return std::numeric_limits<float>::infinity();
  const std::int64_t first = argmax(logits);
  const float* rest = logits.data() + first + 1;
  float second = -std::numeric_limits<float>::infinity();
  if (first > 0) second = kernel_branch().maximum(logits.data(), first);
  if (first + 1 < length(logits)) second = std::max(second, kernel_branch().maximum(rest, length(logits) - first - 1));
  return logits[static_cast<std::size_t>(first)] - second;
}

void warp(std::span<const float> logits, const SamplingOptions& options, std::span<const std::int32_t> history,
          std::span<float> probabilities) {
  check_size(probabilities.size(), logits.size());
  if (options.repetition_penalty != 1) {
    std::vector<float>& copy = scratch().logits;
    copy.assign(logits.begin(), logits.end());
    penalise(copy, logits, history, static_cast<float>(options.repetition_penalty));
    logits = copy;
  }
  if (options.greedy()) {
    std::fill(probabilities.begin(), probabilities.end(), 0.0f);
    probabilities[static_cast<std::size_t>(argmax(logits))] = 1;
    return;
  }
  const auto size = static_cast<std::int64_t>(logits.size());
  const KernelBranch& kernels = kernel_branch();
  const float top = kernels.maximum(logits.data(), size);
  double total =
      kernels.exp_sum(logits.data(), size, top, static_cast<float>(1 / options.temperature), probabilities.data());
  if (options.top_k > 0 && options.top_k < size) {
    const float least = kth_largest(logits, static_cast<std::size_t>(options.top_k));
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      if (logits[i] < least) probabilities[i] = 0;
    }
    total = kernels.sum(probabilities.data(), size);
  }
  bool changed = false;
  if (options.top_p < 1) {
    keep_nucleus(probabilities, total, options.top_p);
    changed = true;
  }
  if (options.min_p > 0) {
    // The likeliest token has weight 1 here, whatever was dropped before.
    for (float& p : probabilities) {
      if (p < static_cast<float>(options.min_p)) p = 0;
    }
    changed = true;
  }
  if (changed) total = kernels.sum(probabilities.data(), size);
  kernels.scale(probabilities.data(), size, static_cast<float>(1 / total));
}

std::int32_t draw(std::span<const float> probabilities, double uniform) {
  check_size(probabilities.size(), probabilities.size());
  const KernelBranch& kernels = kernel_branch();
  // The same block sums twice: once for the total, once to find the block.
  const auto block_sum = [&](std::int64_t begin) {
    return kernels.sum(probabilities.data() + begin, std::min(kDrawBlock, length(probabilities) - begin));
  };
  double total = 0;
  for (std::int64_t begin = 0; begin < length(probabilities); begin += kDrawBlock) total += block_sum(begin);
  const double target = uniform * total;
  double before = 0;
  std::int64_t block = 0;
  while (block + kDrawBlock < length(probabilities)) {
    const double sum = block_sum(block);
    if (before + sum > target) break;
    before += sum;
    block += kDrawBlock;
  }
  for (std::int64_t i = block; i < length(probabilities); ++i) {
    before += static_cast<double>(probabilities[static_cast<std::size_t>(i)]);
    if (before > target) return static_cast<std::int32_t>(i);
  }
  // Rounding of the sums: the last token with any probability.
  const auto last = std::find_if(probabilities.rbegin(), probabilities.rend(), [](float p) { return p > 0; });
  return last == probabilities.rend() ? 0 : static_cast<std::int32_t>(probabilities.rend() - last - 1);
}

SoftmaxFigures softmax_figures(std::span<const float> logits) {
  check_size(logits.size(), logits.size());
  std::vector<float>& weights = scratch().values;
  weights.resize(logits.size());
  const auto size = length(logits);
  const float top = kernel_branch().maximum(logits.data(), size);
  const double total = kernel_branch().exp_sum(logits.data(), size, top, 1.0f, weights.data());
  const double weighted = kernel_branch().weighted_sum(weights.data(), logits.data(), size, top);
  return {.log_sum = static_cast<double>(top) + std::log(total),
          .entropy = std::log(total) - weighted / total,
          .top_probability = 1 / total};
}

double entropy_of_logits(std::span<const float> logits) {
  return softmax_figures(logits).entropy;
}

}  // namespace dynexec
