#include "train/encoder_batches.hpp"

#include <ATen/Functions.h>

#include <algorithm>

#include "base/random.hpp"

namespace dynexec {
namespace {

ClassBatch make_batch(std::span<const EncodedText> texts) {
  const auto rows = static_cast<std::int64_t>(texts.size());
  const auto time = static_cast<std::int64_t>(texts.back().ids.size());
  ClassBatch batch{.ids = at::zeros({rows, time}, at::kLong),
                   .mask = at::zeros({rows, time}, at::kBool),
                   .labels = at::empty({rows}, at::kLong)};
  auto* ids = batch.ids.mutable_data_ptr<std::int64_t>();
  auto* mask = batch.mask.mutable_data_ptr<bool>();
  auto* labels = batch.labels.mutable_data_ptr<std::int64_t>();
  for (std::int64_t r = 0; r < rows; ++r) {
    const EncodedText& text = texts[static_cast<std::size_t>(r)];
    std::copy(text.ids.begin(), text.ids.end(), ids + r * time);
    std::fill_n(mask + r * time, text.ids.size(), true);
    labels[r] = text.label;
    batch.groups.push_back(text.group);
    batch.tokens += static_cast<std::int64_t>(text.ids.size());
  }
  return batch;
}

}  // namespace

std::vector<ClassBatch> cut_class_batches(std::vector<EncodedText> texts, std::int64_t batch_tokens) {
  std::stable_sort(texts.begin(), texts.end(),
                   [](const auto& a, const auto& b) { return a.ids.size() < b.ids.size(); });
  std::vector<ClassBatch> batches;
  for (std::size_t begin = 0; begin < texts.size();) {
    std::size_t end = begin + 1;
    // Sorted, so the last text is the longest.
    while (end < texts.size() && static_cast<std::int64_t>((end + 1 - begin) * texts[end].ids.size()) <= batch_tokens)
      ++end;
    batches.push_back(make_batch(std::span(texts).subspan(begin, end - begin)));
    begin = end;
  }
  return batches;
}

ClassBatchStream::ClassBatchStream(Settings settings, Source source, StreamPosition position)
    : settings_(settings), source_(std::move(source)), position_(position) {
  draw_pool();
}

void ClassBatchStream::draw_pool() {
  const double progress = static_cast<double>(position_.pool_step) / static_cast<double>(settings_.steps);
  std::vector<EncodedText> pool;
  for (std::int64_t i = 0; i < settings_.pool; ++i)
    pool.push_back(source_(static_cast<std::uint64_t>(position_.pool * settings_.pool + i), progress));
  batches_ = cut_class_batches(std::move(pool), settings_.batch_tokens);
  RandomStream random(settings_.seed, static_cast<std::uint64_t>(position_.pool), 1,
                      static_cast<std::uint32_t>(Purpose::training));
  random.shuffle(batches_);
}

const ClassBatch& ClassBatchStream::next(std::int64_t step) {
  if (position_.batch == static_cast<std::int64_t>(batches_.size())) {
    position_ = {position_.pool + 1, step, 0};
    draw_pool();
  }
  return batches_[static_cast<std::size_t>(position_.batch++)];
}

}  // namespace dynexec
