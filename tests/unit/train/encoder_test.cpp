#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include "../base/temp_folder.hpp"
#include "base/error.hpp"
#include "models/encoder.hpp"
#include "train/encoder_batches.hpp"
#include "train/encoder_module.hpp"
#include "train/encoder_trainer.hpp"
#include "weights/safetensors.hpp"

using namespace dynexec;

namespace {

struct Setup {
  Setup() {
    options.output = folder.file("out");
    options.work = folder.file("work");
    options.title = "toy";
    options.shape.hidden = 32;
    options.shape.layers = 3;
    options.shape.heads = 2;
    options.shape.intermediate = 48;
    options.shape.max_positions = 64;
    options.shape.types = 1;
    options.data.sentences.difficulties = {1};
    options.data.pool = 64;
    options.data.batch_tokens = 256;
    options.data.batches_per_step = 2;
    options.data.evaluation = 60;
    options.optimiser.steps = 12;
    options.optimiser.learning_rate = 4e-3;
    options.optimiser.warmup = 2;
    options.optimiser.weight_decay = 0;
  }
  EncoderTrainReport train() const { return train_encoder(options, nullptr, nullptr); }

  dynexec_test::TempFolder folder;
  EncoderTrainOptions options;
};

std::map<std::string, std::vector<float>> tensors_of(const std::string& folder) {
  const ModelFolder model = ModelFolder::open(folder);
  std::map<std::string, std::vector<float>> tensors;
  for (const std::string& name : model.tensor_names()) {
    const auto view = model.find(name);
    tensors[name].resize(static_cast<std::size_t>(view->elements()));
    copy_as_f32(*view, tensors[name]);
  }
  return tensors;
}

}  // namespace

TEST_CASE("what was trained answers as the module does, for every kind of head") {
  for (const bool mean : {false, true})
    for (const bool pooler : {false, true}) {
      CAPTURE(mean);
      CAPTURE(pooler);
      Setup setup;
      setup.options.optimiser.steps = 3;
      setup.options.exits.mean = mean;
      setup.options.exits.pooler = pooler;
      setup.train();
      const ModelFolder written = ModelFolder::open(setup.options.output);
      const auto encoder = Encoder::load(written);
      const auto exits = load_encoder_exits(written, encoder->config());
      REQUIRE(exits.size() == 2);
      CHECK(encoder->config().class_names == sentences::class_names());
      EncoderModule module(encoder->config(), parse_encoder_exits(written.config(), "", 3), 9);
      module.load(written);

      const auto tokenizer = Tokenizer::load(setup.options.output);
      const std::vector<std::int32_t> first = tokenizer->encode("On Monday the soup was bland.", true),
                                      second = tokenizer->encode("Last week Tom said that nobody tried the tea.", true);
      const auto batches = cut_class_batches({{first, 0, ""}, {second, 1, ""}}, 1000);
      REQUIRE(batches.size() == 1);
      const c10::NoGradGuard no_grad;
      const std::vector<at::Tensor> wanted = module.forward(batches[0].ids, batches[0].mask);
      EncoderSession session(encoder, 2);
      // The batch is sorted by length, and the shorter text is padded.
      const bool swapped = second.size() < first.size();
      const std::vector<std::span<const std::int32_t>> texts{swapped ? second : first, swapped ? first : second};
      session.start(texts);
      for (std::size_t i = 0; i < 3; ++i) {
        session.run_to(static_cast<std::int64_t>(i));
        const auto found = i < 2 ? session.classify(exits[i].head, mean) : session.logits();
        for (std::int64_t k = 0; k < 6; ++k)
          CHECK(found[static_cast<std::size_t>(k)] ==
                doctest::Approx(wanted[i].reshape({-1})[k].item<float>()).epsilon(1e-4));
      }
    }
}

TEST_CASE("a DistilBERT is trained as it runs, and can be started from") {
  EncoderConfig config;
  config.family = "distilbert";
  config.vocab = 60;
  config.hidden = 32;
  config.layers = 2;
  config.heads = 4;
  config.intermediate = 40;
  config.max_positions = 20;
  config.classes = 3;
  const EncoderModule module(config, {}, 4);
  dynexec_test::TempFolder folder;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : module.parameters())
    views.push_back(
        {name,
         DType::f32,
         tensor.sizes().vec(),
         {static_cast<const std::byte*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())}});
  write_safetensors(folder.file("model.safetensors"), views, {});
  dynexec_test::write_text(folder.file("config.json"),
                           R"({"model_type": "distilbert", "vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 4,
                               "hidden_dim": 40, "max_position_embeddings": 20, "num_labels": 3})");
  const ModelFolder written = ModelFolder::open(folder.path());
  const auto encoder = Encoder::load(written);
  EncoderModule started(encoder->config(), {}, 5);
  started.load(written);

  std::vector<std::int32_t> ids{2, 17, 33, 59, 8, 3};
  const auto batches = cut_class_batches({{ids, 0, ""}}, 100);
  const c10::NoGradGuard no_grad;
  EncoderSession session(encoder);
  session.start(ids);
  session.run_to(1);
  const std::span<const float> found = session.logits();
  const at::Tensor wanted = module.forward(batches[0].ids, batches[0].mask).back(),
                   again = started.forward(batches[0].ids, batches[0].mask).back();
  for (std::int64_t k = 0; k < 3; ++k) {
    CHECK(found[static_cast<std::size_t>(k)] == doctest::Approx(wanted[0][k].item<float>()).epsilon(1e-4));
    CHECK(wanted[0][k].item<float>() == again[0][k].item<float>());
  }
}

TEST_CASE("an encoder and its exits learn the easy texts") {
  Setup setup;
  setup.options.optimiser.steps = 120;
  const EncoderTrainReport report = setup.train();
  REQUIRE(report.accuracies.contains("difficulty/1"));
  CHECK(report.accuracies.at("").size() == 3);
  for (const double accuracy : report.accuracies.at("")) CHECK(accuracy > 0.9);
}

TEST_CASE("a run that was stopped ends with the same weights") {
  Setup whole, parts;
  whole.train();
  int steps = 0;
  CHECK_THROWS_AS(train_encoder(parts.options, nullptr, [&] { return steps++ == 5; }), Error);
  CHECK(parts.train().resumed_from == 5);
  CHECK(tensors_of(whole.options.output) == tensors_of(parts.options.output));
  parts.options.optimiser.learning_rate = 1e-3;
  CHECK_THROWS_AS(parts.train(), Error);  // the checkpoint belongs to other settings
}

TEST_CASE("the backbone alone, then heads on the encoder as it is") {
  Setup first, second;
  first.options.training = "backbone";
  first.train();
  CHECK_FALSE(ModelFolder::open(first.options.output).config().contains("exits"));
  second.options.training = "heads";
  second.options.start_from = first.options.output;
  second.train();
  const auto before = tensors_of(first.options.output), after = tensors_of(second.options.output);
  for (const auto& [name, values] : before) {
    const std::string& parameter = name;
    CAPTURE(parameter);
    CHECK(after.at(name) == values);
  }
  CHECK(after.contains("exits.0.linear.weight"));
  CHECK(after.contains("exits.1.pooler.bias"));
  CHECK(after.size() == before.size() + 8);
}

TEST_CASE("weights of the losses: equal or by depth") {
  Setup equal, depth;
  equal.options.weights = "equal";
  depth.options.weights = "depth";
  equal.train();
  depth.train();
  CHECK(tensors_of(equal.options.output) != tensors_of(depth.options.output));
}

TEST_CASE("texts that do not fit are refused") {
  Setup setup;
  setup.options.shape.max_positions = 8;
  CHECK_THROWS_AS(setup.train(), Error);
}
