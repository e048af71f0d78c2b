// Matrices of several formats below one another.
#include <cstring>

#include "base/error.hpp"
#include "branches.hpp"

using namespace dynexec;

namespace {

constexpr std::int64_t kIn = 70;
constexpr std::int64_t kOuts[] = {72, 24, 33};  // as of queries, keys and values; the last fills no panel

struct Parts {
  std::vector<StoredMatrix> weights;
  std::vector<std::vector<float>> biases;
};

Parts parts_of(const std::vector<std::string>& formats, bool bias) {
  Parts parts;
  for (std::size_t i = 0; i < formats.size(); ++i) {
    const auto out = static_cast<std::size_t>(kOuts[i]);
    parts.weights.push_back(round_to_nearest(random_values(out * kIn, i + 1, 0.5), kOuts[i], kIn,  //
                                             weight_format(formats[i])));
    parts.biases.push_back(bias ? random_values(out, i + 11) : std::vector<float>());
  }
  return parts;
}

std::vector<std::unique_ptr<Linear>> alone(const Parts& parts, Activation activation) {
  std::vector<std::unique_ptr<Linear>> linears;
  for (std::size_t i = 0; i < parts.weights.size(); ++i)
    linears.push_back(make_linear(parts.weights[i], parts.biases[i], activation));
  return linears;
}

// Every part by itself, row by row.
std::vector<float> wanted(const std::vector<std::unique_ptr<Linear>>& linears, const std::vector<float>& x,
                          std::vector<float> y, std::int64_t rows, bool add) {
  float* at = y.data();
  for (std::int64_t r = 0; r < rows; ++r)
    for (const auto& linear : linears) {
      if (add)
        linear->forward_add(x.data() + r * kIn, at, 1);
      else
        linear->forward(x.data() + r * kIn, at, 1);
      at += linear->out_features();
    }
  return y;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check(const std::vector<std::string>& formats, bool bias, Activation activation) {
  const Parts parts = parts_of(formats, bias);
  const auto linears = alone(parts, activation);
  const auto stacked = make_stacked_linear(parts.weights, parts.biases, activation);
  std::int64_t out = 0;
  double macs = 0;
  for (const auto& linear : linears) {
    out += linear->out_features();
    macs += linear->macs_per_row();
  }
  REQUIRE(stacked->out_features() == out);
  CHECK(stacked->in_features() == kIn);
  CHECK(stacked->macs_per_row() == macs);
  for (std::int64_t rows = 1; rows <= kSkinnyRows + 1; ++rows) {
    const std::vector<float> x = random_values(static_cast<std::size_t>(rows * kIn), 21);
    const std::vector<float> before = random_values(static_cast<std::size_t>(rows * out), 22);
    for (const bool add : {false, true}) {
      std::vector<float> y = before;
      if (add)
        stacked->forward_add(x.data(), y.data(), rows);
      else
        stacked->forward(x.data(), y.data(), rows);
      INFO(rows, " rows, ", add ? "added" : "written");
      CHECK(same(y, wanted(linears, x, before, rows, add)));
    }
  }
}

}  // namespace

TEST_CASE("stacked matrices of any two formats give what each gives alone, row by row and bit for bit") {
  for_each_branch([] {
    for (const std::string& first : weight_format_names())
      for (const std::string& second : weight_format_names()) {
        INFO(first, " and ", second);
        check({first, second}, true, Activation::none);
      }
  });
}

TEST_CASE("stacked matrices work with threads, activations and without biases") {
  const ComputeThreads threads(2);
  check({"int4-g32", "int8", "int4-g32"}, false, Activation::none);
  check({"int4-g64-a8", "int4-g64-a8", "int8-a8"}, true, Activation::gelu);
  check({"bf16", "int8", "int8"}, true, Activation::silu);
}

TEST_CASE("a stack says what it is made of") {
  const Parts parts = parts_of({"int4-g32", "int8", "int4-g32"}, true);
  const auto linears = alone(parts, Activation::none);
  const auto stacked = make_stacked_linear(parts.weights, parts.biases);
  CHECK(stacked->format() == "int4-g32+int8");
  std::int64_t bytes = 0, index = 0;
  std::vector<float> found(kIn), wanted_row(kIn);
  for (const auto& linear : linears) {
    bytes += linear->weight_bytes();
    for (std::int64_t n = 0; n < linear->out_features(); ++n, ++index) {
      stacked->weight_row(index, found.data());
      linear->weight_row(n, wanted_row.data());
      CHECK(same(found, wanted_row));
    }
  }
  CHECK(stacked->weight_bytes() == bytes);
}

TEST_CASE("a stack in one format is one linear") {
  for (const std::string& name : weight_format_names()) {
    const Parts parts = parts_of({name, name, name}, true);
    StoredMatrix weight = parts.weights[0];
    std::vector<float> bias = parts.biases[0];
    for (const std::size_t i : {1u, 2u}) {
      weight.append(parts.weights[i]);
      bias.insert(bias.end(), parts.biases[i].begin(), parts.biases[i].end());
    }
    const auto one = make_linear(weight, bias), stacked = make_stacked_linear(parts.weights, parts.biases);
    INFO(name);
    CHECK(stacked->format() == name);
    // Three linears would each fill their last panel up.
    CHECK(stacked->weight_bytes() == one->weight_bytes());
    const Linear &mine = *stacked, &wanted = *one;
    CHECK(typeid(mine) == typeid(wanted));
  }
}

TEST_CASE("what cannot stand below one another is a bug") {
  Parts parts = parts_of({"int8", "int4-g32"}, true);
  CHECK_THROWS_AS(make_stacked_linear(parts.weights, {{}}), Error);
  CHECK_THROWS_AS(make_stacked_linear({}, {}), Error);
  parts.weights[1] = round_to_nearest(random_values(40 * 24, 1), 24, 40, weight_format("int4-g32"));
  CHECK_THROWS_AS(make_stacked_linear(parts.weights, parts.biases), Error);
}
