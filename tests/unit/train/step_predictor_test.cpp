#include <doctest/doctest.h>

#include "base/error.hpp"
#include "data/tokenizer.hpp"
#include "step_fixture.hpp"
#include "train/step_prompts.hpp"
#include "weights/safetensors.hpp"

using namespace dynexec;
using dynexec_test::StepSetup;

TEST_CASE("a predictor learns what the number of objects decides, better than what needs no network") {
  StepSetup setup({"prompts.training=240", "prompts.evaluation=80", "prompts.wordings=12", "optimiser.steps=300",
                   "seeds=1", "together=8", "eval_every=20"});
  const StepFigures figures = setup.train().figures;
  MESSAGE("error in steps ", figures.predictor.error, ", by length ", figures.length.error, ", constant ",
          figures.constant.error, "; too few ", figures.predictor.under, ", ", figures.length.under, ", ",
          figures.constant.under, "; loss ", figures.prior_loss, " to ", figures.loss, " at step ", figures.best_step);
  CHECK(figures.prompts == 80);
  CHECK(figures.predictor.error < 0.5 * figures.length.error);
  CHECK(figures.predictor.error < 0.5 * figures.constant.error);
  CHECK(figures.predictor.within_one > figures.length.within_one);
  CHECK(figures.predictor.under < 0.3);
  CHECK(figures.loss < figures.prior_loss);
  CHECK(figures.macs > 0);

  StepPredictor predictor(setup.options.output);
  CHECK(predictor.config().grid == setup.options.grid);
  CHECK(predictor.config().sampler == "ddim");
  CHECK(predictor.config().spacing == "trailing");
  CHECK(predictor.config().offset == 1);
  CHECK(predictor.config().eta == 0);
  CHECK(predictor.config().model_sha256 == "settling");
  const auto tokenizer = Tokenizer::load(setup.options.output);
  const std::string text = "a red disk";
  CHECK(predictor.predict(tokenizer->encode(text, true)).steps == dynexec_test::needed_steps(text));
}

TEST_CASE("a run that was stopped while labelling writes the same folder") {
  const StepSetup whole, parts;
  whole.train();
  int polls = 0;
  CHECK_THROWS_AS(train_step_predictor(parts.options, parts.model, nullptr, [&] { return polls++ == 2; }), Error);
  parts.train();
  CHECK(whole.labels() == parts.labels());
  CHECK(whole.written() == parts.written());
}

TEST_CASE("labels are drawn once for all rules and predictors") {
  StepSetup setup;
  setup.train();
  setup.model.begun = 0;
  setup.options.rule.label = "A";
  setup.options.quantile = 0.9;
  setup.options.encoder.layers = 2;
  setup.train();
  CHECK(setup.model.begun == 0);
  CHECK(StepPredictor(setup.options.output).config().label == "A");
  setup.options.guidance = 2;
  CHECK_THROWS_AS(setup.train(), Error);
}

TEST_CASE("an encoder that there is stays as it is") {
  StepSetup first;
  first.train();
  {
    // Bare encoders, as sentence encoders are published, have names without the family's prefix.
    const ModelFolder own = ModelFolder::open(first.options.output);
    std::vector<TensorView> views;
    for (const std::string& name : own.tensor_names()) {
      views.push_back(*own.find(name));
      if (name.starts_with("bert.")) views.back().name = name.substr(5);
    }
    write_safetensors(first.options.output + "/model.safetensors", views, {});
  }
  StepSetup second({"optimiser.steps=40"});
  second.options.encoder_from = first.options.output;
  const StepFigures figures = second.train().figures;
  CHECK(figures.loss <= figures.prior_loss);
  const ModelFolder before = ModelFolder::open(first.options.output), after = ModelFolder::open(second.options.output);
  CHECK(before.tensor_names() == after.tensor_names());
  for (const std::string& name : before.tensor_names()) {
    const TensorView was = *before.find(name), is = *after.find(name);
    CAPTURE(name);
    const bool same = was.dtype == is.dtype && std::ranges::equal(was.bytes, is.bytes);
    CHECK(same != name.starts_with("step_head."));
  }
}

TEST_CASE("prompts of a file: the last share is held out, and each counts once") {
  const dynexec_test::TempFolder folder;
  const std::string path = folder.file("prompts.txt");
  dynexec_test::write_text(path, "A red disk, large\na blue disk\na red disk\na blue disk\ntwo disks\na star\n");
  StepPromptOptions options;
  options.kind = "file";
  options.file.file = path;
  options.held_out = 0.4;
  const StepPrompts prompts = open_step_prompts(options);
  CHECK(prompts.texts ==
        std::vector<std::string>{"A red disk, large", "a blue disk", "a red disk", "two disks", "a star"});
  CHECK(prompts.training == 3);
  const auto tokenizer = Tokenizer::parse(step_tokenizer(options, prompts), "");
  CHECK(tokenizer->encode("A RED disk!", false) == std::vector<std::int32_t>{4, 6, 5, 1});
  options.file.samples = 6;
  CHECK_THROWS_AS(open_step_prompts(options), Error);
}

TEST_CASE("settings of step predictors that make no sense are refused") {
  const auto refused = [](const std::string& change) {
    return dynexec_test::error_of<Error>([&] { StepSetup({change}); }).kind() == ErrorKind::config;
  };
  CHECK(refused("grid=[4]"));
  CHECK(refused("grid=[4, 4]"));
  CHECK(refused("grid=[0, 4]"));
  CHECK(refused("grid=[4, 2000]"));
  CHECK(refused("label=E"));
  CHECK(refused("quantile=1"));
  CHECK(refused("encoder.heads=3"));
  CHECK(refused("sampler.sampler=dim"));
  CHECK(refused("prompts.complexities=[9]"));
  CHECK(refused("decline=0.1"));  // of other labels
  CHECK(refused("price=0.01"));
  CHECK(StepSetup({"label=D", "price=0.01"}).options.rule.price == 0.01);
  // No judge knows what prompts of a file promise.
  CHECK_THROWS_AS(StepSetup({"label=C", "prompts={kind: file, file: prompts.txt, format: lines}"}), Error);
  CHECK(StepSetup({"label=C"}).options.judge == "models/scenes-classifier");
  StepSetup karras({"sampler.karras=true"});
  CHECK_THROWS_AS(karras.train(), Error);  // DDIM has none
}
