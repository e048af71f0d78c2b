// No memory is allocated while tokens are decoded: the allocator is counted.
#include <atomic>
#include <cstdlib>

#include "decoder_fixture.hpp"
#include "encoder_fixture.hpp"
#include "models/sampling.hpp"

#if defined(DYNEXEC_SANITIZED) || !defined(__GLIBC__)
// The sanitizers bring their own allocator.
#else

namespace {
std::atomic<long> allocations{0};
}

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

using namespace dynexec;

TEST_CASE("the counter counts") {
  const long before = allocations;
  const std::vector<float> block(1000);
  CHECK(allocations == before + 1);
  CHECK(block.size() == 1000);
}

TEST_CASE("decoding, verifying, rolling back and sampling allocate nothing after the first round") {
  for (const int threads : {1, 2}) {
    set_compute_threads(threads);
    for (const auto& entry : varied_configs()) {
      const auto& name = entry.first;
      const auto& config = entry.second;
      INFO(name, ", threads ", threads);
      DecoderSession session(random_decoder(config), 300);
      const std::vector<std::int32_t> prompt = random_tokens(config.vocab, 200);
      std::vector<float> probabilities(static_cast<std::size_t>(config.vocab));
      const SamplingOptions options{
          .temperature = 0.9, .top_k = 30, .top_p = 0.9, .min_p = 0.01, .repetition_penalty = 1.2};
      const auto round = [&] {
        session.truncate(0);
        session.forward(prompt, 1);
        for (int i = 0; i < 10; ++i) {
          const std::span<const float> logits = session.forward(std::span(prompt).subspan(3, 5), 5);
          warp(logits.first(probabilities.size()), options, prompt, probabilities);
          const std::int32_t token = draw(probabilities, 0.5);
          entropy_of_logits(logits.first(probabilities.size()));
          session.truncate(session.length() - 3);
          session.forward_early({&token, 1}, 2, 1);
          session.forward_rest(2, 1);
        }
      };
      round();
      const long before = allocations;
      round();
      round();
      CHECK(allocations == before);
    }
  }
  set_compute_threads(1);
}

TEST_CASE("an encoder allocates nothing after the first text") {
  EncoderFolder folder("allocation");
  folder.bert();
  const ModelFolder written = ModelFolder::open(folder.write());
  const auto encoder = Encoder::load(written);
  const auto exits = load_encoder_exits(written, encoder->config());
  const std::vector<std::int32_t> first = random_ids(30, 1), second = random_ids(40, 2);
  const std::vector<std::span<const std::int32_t> > texts{first, second};
  const std::vector<std::size_t> left{1};
  for (const int threads : {1, 2}) {
    set_compute_threads(threads);
    EncoderSession session(encoder, 2);
    const auto round = [&] {
      session.start(texts);
      session.run_to(0);
      session.classify(exits[0].head, true);
      session.keep(left);
      session.run_to(2);
      session.logits();
    };
    round();
    const long before = allocations;
    round();
    round();
    CHECK(allocations == before);
  }
  set_compute_threads(1);
}

#endif
