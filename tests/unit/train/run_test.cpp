#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/sha256.hpp"
#include "toy_options.hpp"
#include "train/trainer.hpp"

using namespace dynexec;

namespace {

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string weights_hash(const TrainOptions& options) {
  return sha256_file(options.output + "/model.safetensors");
}

// The columns that do not depend on the clock.
std::string timeless(const std::string& line) {
  return line.substr(0, line.rfind(','));
}

}  // namespace

TEST_CASE("the loss falls and everything is written") {
  const toy::Folder folder("falls");
  const TrainOptions options = toy::options(folder);
  std::vector<double> losses;
  const TrainReport report =
      train(options, [&](const TrainProgress& progress) { losses.push_back(progress.loss); }, {});
  REQUIRE(losses.size() == 40);
  CHECK(losses.back() < 0.9 * losses.front());
  CHECK(report.figures.eval_loss < losses.front());
  CHECK(report.figures.finished);
  CHECK(report.figures.steps == 40);
  const auto lines = lines_of(folder / "work/loss.csv");
  REQUIRE(lines.size() == 41);
  CHECK(lines[0].starts_with("step,tokens,learning_rate,loss"));
  CHECK(lines[40].starts_with("40,"));
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                           "model.safetensors", "README.md"}) {
    CHECK(std::filesystem::exists(folder / (std::string("model/") + name)));
  }
  const std::string card = read_file(options.output + "/README.md");
  CHECK(card.find(weights_hash(options)) != std::string::npos);
  CHECK(card.find("not the final weights") == std::string::npos);
}

TEST_CASE("an interrupted and resumed run ends with bitwise the same weights and log") {
  const toy::Folder straight("straight"), broken("broken");
  const TrainOptions whole = toy::options(straight);
  train(whole, {}, {});
  const TrainOptions parts = toy::options(broken);
  int steps = 0;
  const auto stop_at = [&](int step) { return [&steps, step] { return steps == step; }; };
  const auto count = [&](const TrainProgress&) { ++steps; };
  CHECK_THROWS_AS(train(parts, count, stop_at(7)), Error);
  CHECK(std::filesystem::exists(broken / "work/checkpoint.safetensors"));
  CHECK_THROWS_AS(train(parts, count, stop_at(23)), Error);
  const TrainReport report = train(parts, count, {});
  CHECK(report.resumed_from == 23);
  CHECK(weights_hash(whole) == weights_hash(parts));
  const auto expected = lines_of(straight / "work/loss.csv"), found = lines_of(broken / "work/loss.csv");
  REQUIRE(expected.size() == found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(timeless(expected[i]) == timeless(found[i]));
}

TEST_CASE("a killed run continues from its last checkpoint; later rows are written anew") {
  struct Kill {};
  std::string kind;
  SUBCASE("AdamW") {
    kind = "adamw";
  }
  SUBCASE("Muon") {
    kind = "muon";
  }
  const toy::Folder straight("straight2-" + kind), killed("killed-" + kind);
  TrainOptions whole = toy::options(straight), parts = toy::options(killed);
  whole.optimiser.kind = parts.optimiser.kind = kind;
  train(whole, {}, {});
  // Thrown out of step 27: the checkpoint of step 20 is the newest, as after SIGKILL.
  CHECK_THROWS_AS(train(parts,
                        [](const TrainProgress& progress) {
                          if (progress.step == 27) throw Kill();
                        },
                        {}),
                  Kill);
  CHECK(lines_of(killed / "work/loss.csv").size() == 28);
  const TrainReport report = train(parts, {}, {});
  CHECK(report.resumed_from == 20);
  CHECK(weights_hash(whole) == weights_hash(parts));
  CHECK(lines_of(killed / "work/loss.csv").size() == 41);
}

TEST_CASE("a checkpoint of other settings is refused, a damaged one named") {
  const toy::Folder folder("other");
  TrainOptions options = toy::options(folder);
  options.optimiser.steps = 10;
  train(options, {}, {});
  options.optimiser.learning_rate = 1e-3;
  CHECK_THROWS_WITH_AS(train(options, {}, {}), doctest::Contains("other settings"), Error);
  std::filesystem::resize_file(folder / "work/checkpoint.safetensors", 1000);
  CHECK_THROWS_AS(train(options, {}, {}), Error);
}

TEST_CASE("distillation follows the teacher and needs its vocabulary") {
  const toy::Folder folder("distil");
  TrainOptions teacher = toy::options(folder);
  train(teacher, {}, {});
  TrainOptions student = toy::options(folder);
  student.output = (folder / "student").string();
  student.work = (folder / "student-work").string();
  student.shape.layers = 1;
  student.exit_layer = 0;
  student.distil.teacher = teacher.output;
  student.distil.start = 0.5;
  CHECK_NOTHROW(train(student, {}, {}));  // the same texts give the same tokenizer
  const auto lines = lines_of(folder / "student-work/loss.csv");
  const auto distil_field = [](const std::string& line) {
    std::size_t at = 0;
    for (int i = 0; i < 5; ++i) at = line.find(',', at) + 1;
    return line.substr(at, line.find(',', at) - at);
  };
  CHECK(distil_field(lines[20]).empty());
  CHECK_FALSE(distil_field(lines[21]).empty());
  CHECK(std::stod(distil_field(lines[40])) < std::stod(distil_field(lines[21])));
  student.work = (folder / "third-work").string();
  student.text.vocab_size = 400;
  CHECK_THROWS_WITH_AS(train(student, {}, {}), doctest::Contains("vocabularies"), Error);
}
