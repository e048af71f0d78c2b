#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "data/tokenizer.hpp"
#include "step_fixture.hpp"
#include "train/step_module.hpp"
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

TEST_CASE("the loss of gains is least where going on is worth it in the mean over like texts") {
  // Texts that cannot be told apart: going on brings 3 to one and takes 1 from each of two, then 1 and 2 from each.
  const std::vector<std::vector<double>> rows{{3, 1}, {-1, -2}, {-1, -2}};
  std::vector<const std::vector<double>*> gains;
  for (const auto& row : rows) gains.push_back(&row);
  const auto loss = [&](double first, double second) {
    const at::Tensor logits = at::empty({3, 2});
    for (int row = 0; row < 3; ++row) {
      logits.mutable_data_ptr<float>()[2 * row] = static_cast<float>(first);
      logits.mutable_data_ptr<float>()[2 * row + 1] = static_cast<float>(second);
    }
    return gain_loss(logits, gains, 2).item<double>();
  };
  // The least lies at the share of what is gained: 3 of 5 and 1 of 5.
  const double best = loss(std::log(3.0 / 2), std::log(1.0 / 4));
  for (const double step : {-0.2, 0.2}) {
    CHECK(loss(std::log(3.0 / 2) + step, std::log(1.0 / 4)) > best);
    CHECK(loss(std::log(3.0 / 2), std::log(1.0 / 4) + step) > best);
  }
  const auto entropy = [](double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); };
  CHECK(best == doctest::Approx((5 * entropy(0.6) + 5 * entropy(0.2)) / 2 / 6).epsilon(1e-5));
}

TEST_CASE("a run with the loss of gains learns what captions' pictures are worth") {
  StepSetup setup({"label=D", "price=0.01", "loss=gains", "optimiser.steps=40"});
  const StepTrainReport report = setup.train();
  CHECK(report.figures.loss < report.figures.prior_loss);
  CHECK(StepPredictor(setup.options.output).config().quantile == 0.5);
  CHECK(dynexec_test::read_text(setup.options.output + "/README.md").find("weighted by what it gains") !=
        std::string::npos);
}

TEST_CASE("a predictor that decides by the mean says so") {
  StepSetup setup({"decision=mean", "optimiser.steps=4"});
  setup.train();
  CHECK(StepPredictor(setup.options.output).config().by_mean);
  CHECK(dynexec_test::read_text(setup.options.output + "/README.md").find("nearest to the mean") != std::string::npos);
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

TEST_CASE("the number of tokens moves the logits in training as it does in the folder") {
  StepSetup blind({"optimiser.steps=40", "sees_length=false"});
  blind.train();
  CHECK(StepPredictor(blind.options.output).config().tokens_deviation == 0);
  CHECK_FALSE(ModelFolder::open(blind.options.output).find(kStepLength));

  StepSetup setup({"optimiser.steps=40"});
  setup.train();
  const StepPredictorConfig config = StepPredictor(setup.options.output).config();
  REQUIRE(config.tokens_deviation > 0);
  const ModelFolder folder = ModelFolder::open(setup.options.output);
  StepModule module(Encoder::load(folder), config, 1);
  module.set_texts({StepModule::Ids(4, 1), StepModule::Ids(9, 1)});
  const std::vector<std::size_t> texts{0, 1}, labels{0, 2};
  const at::Tensor before = module.logits(texts).detach();  // the prior's: the linear layer begins at 0
  CHECK(before[0].equal(before[1]));
  step_loss(module.logits(texts), labels, config.grid, 0.5, 0).backward();
  const auto length = std::find_if(module.parameters().begin(), module.parameters().end(),
                                   [](const auto& parameter) { return parameter.first == kStepLength; });
  REQUIRE(length != module.parameters().end());
  CHECK(length->second.grad().abs().sum().item<double>() > 0);
  const c10::NoGradGuard no_grad;
  length->second.fill_(0.5);
  const at::Tensor moved = module.logits(texts) - before;
  for (const auto& [text, tokens] : {std::pair{0, 4.0}, std::pair{1, 9.0}})
    CHECK(moved[text][0].item<double>() ==
          doctest::Approx(0.5 * (tokens - config.tokens_mean) / config.tokens_deviation).epsilon(1e-4));
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
  CHECK(refused("label=F"));
  CHECK(refused("quantile=1"));
  CHECK(refused("decision=mode"));
  CHECK_THROWS_AS(StepSetup({"decision=mean", "quantile=0.6"}), Error);
  CHECK_THROWS_AS(StepSetup({"decision=mean", "pinball=0.1"}), Error);
  CHECK(StepSetup({"decision=mean"}).options.pinball == 0);
  CHECK(refused("encoder.heads=3"));
  CHECK(refused("sampler.sampler=dim"));
  CHECK(refused("prompts.complexities=[9]"));
  CHECK(refused("decline=0.1"));  // of other labels
  CHECK(refused("price=0.01"));
  CHECK(refused("loss=gains"));  // which only labels with a price have
  CHECK_THROWS_AS(StepSetup({"label=D", "loss=gains", "pinball=0.1"}), Error);
  CHECK(StepSetup({"label=D", "price=0.01"}).options.rule.price == 0.01);
  // No judge knows what prompts of a file promise.
  CHECK_THROWS_AS(StepSetup({"label=C", "prompts={kind: file, file: prompts.txt, format: lines}"}), Error);
  CHECK_THROWS_AS(StepSetup({"label=E", "prompts={kind: file, file: prompts.txt, format: lines}"}), Error);
  CHECK(StepSetup({"label=C"}).options.judge == "models/scenes-classifier");
  CHECK(StepSetup({"label=E", "price=0.01"}).options.judge == "models/scenes-classifier");
  CHECK_THROWS_AS(StepSetup({"label=E", "judge=''"}), Error);
  CHECK(refused("guidance=0.5"));  // which paths cannot have
  SamplerOptions folder;
  folder.kind = SamplerKind::dpmpp_2m;
  folder.karras = true;
  CHECK(StepSamplerOptions{}.over(folder).karras);
  CHECK_FALSE(StepSamplerOptions{.kind = SamplerKind::ddim}.over(folder).karras);
  CHECK(StepSamplerOptions{.kind = SamplerKind::ddim, .karras = true}.over(folder).karras);
  StepSetup karras({"sampler.karras=true"});
  CHECK_THROWS_AS(karras.train(), Error);  // DDIM has none
}
