#include "models/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "kernels/branch.hpp"

namespace dynexec {
namespace {

// Buffers of the calling thread: grown to the largest vocabulary once.
struct Scratch {
  std::vector<float> logits, values;
  std::vector<std::int32_t> ids;
};

Scratch& scratch() {
  thread_local Scratch memory;
  return memory;
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

// The k-th largest value.
float kth_largest(std::span<const float> values, std::size_t k) {
  std::vector<float>& copy = scratch().values;
  copy.assign(values.begin(), values.end());
  std::nth_element(copy.begin(), copy.begin() + static_cast<std::ptrdiff_t>(k - 1), copy.end(),
                   std::greater<>());
  return copy[k - 1];
}

// Sets to 0 what lies outside the smallest set of likeliest tokens whose mass reaches top_p of `total`.
// Selection by partition: each round keeps the half that holds the border, so that no sort of the vocabulary
// is needed.
void keep_nucleus(std::span<float> weights, double total, double top_p) {
  std::vector<std::int32_t>& ids = scratch().ids;
  ids.clear();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) ids.push_back(static_cast<std::int32_t>(i));
  }
  const auto weight = [&](std::int32_t id) { return weights[static_cast<std::size_t>(id)]; };
  // Likelier first; among equals the higher index is kept longer, as a stable ascending sort leaves it.
  const auto before = [&](std::int32_t a, std::int32_t b) {
    return weight(a) != weight(b) ? weight(a) > weight(b) : a > b;
  };
  std::size_t begin = 0, end = ids.size();  // [0, begin) is kept, [end, size) is dropped
  double mass = 0;                          // of [0, begin)
  const double border = top_p * total;
  while (end - begin > 1) {
    const std::size_t middle = begin + std::min<std::size_t>((end - begin) / 2, 4096);
    std::nth_element(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                     ids.begin() + static_cast<std::ptrdiff_t>(middle),
                     ids.begin() + static_cast<std::ptrdiff_t>(end), before);
    double upper = mass;
    for (std::size_t i = begin; i < middle; ++i) upper += static_cast<double>(weight(ids[i]));
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
  for (std::size_t i = kept; i < ids.size(); ++i) weights[static_cast<std::size_t>(ids[i])] = 0;
}

}  // namespace

std::int32_t argmax(std::span<const float> logits) {
  check_size(logits.size(), logits.size());
  const float top = kernel_branch().maximum(logits.data(), static_cast<std::int64_t>(logits.size()));
  const auto found = std::find(logits.begin(), logits.end(), top);
  return found == logits.end() ? 0 : static_cast<std::int32_t>(found - logits.begin());
}

float top_gap(std::span<const float> logits) {
  float first = -std::numeric_limits<float>::infinity(), second = first;
  for (const float logit : logits) {
    if (logit > first) {
      second = first;
      first = logit;
    } else if (logit > second) {
      second = logit;
    }
  }
  return first - second;
}

void warp(std::span<const float> logits, const SamplingOptions& options,
          std::span<const std::int32_t> history, std::span<float> probabilities) {
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
  double total = kernels.exp_sum(logits.data(), size, top, static_cast<float>(1 / options.temperature),
                                 probabilities.data());
  const auto sum_of = [&] {
    double sum = 0;
    for (const float p : probabilities) sum += static_cast<double>(p);
    return sum;
  };
  if (options.top_k > 0 && options.top_k < size) {
    const float least = kth_largest(logits, static_cast<std::size_t>(options.top_k));
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      if (logits[i] < least) probabilities[i] = 0;
    }
    total = sum_of();
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
  if (changed) total = sum_of();
  kernels.scale(probabilities.data(), size, static_cast<float>(1 / total));
}

std::int32_t draw(std::span<const float> probabilities, double uniform) {
  double total = 0;
  for (const float p : probabilities) total += static_cast<double>(p);
  const double target = uniform * total;
  double sum = 0;
  std::int32_t last = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    sum += static_cast<double>(probabilities[i]);
    last = static_cast<std::int32_t>(i);
    if (sum > target) return last;
  }
  return last;  // rounding: the last token with any probability
}

double entropy_of_logits(std::span<const float> logits) {
  check_size(logits.size(), logits.size());
  std::vector<float>& weights = scratch().values;
  weights.resize(logits.size());
  const auto size = static_cast<std::int64_t>(logits.size());
  const float top = kernel_branch().maximum(logits.data(), size);
  const double total = kernel_branch().exp_sum(logits.data(), size, top, 1.0f, weights.data());
  double weighted = 0;  // sum of weight * (logit - top)
  for (std::size_t i = 0; i < logits.size(); ++i) {
    weighted += static_cast<double>(weights[i]) * static_cast<double>(logits[i] - top);
  }
  return std::log(total) - weighted / total;
}

}  // namespace dynexec
