// Reads cases as JSON lines on stdin and prints what lib/measure computes for each, a JSON line a case.
//   {"kind": "binomial_cdf", "k": k, "n": n, "p": p}
//   {"kind": "hoeffding_bentkus", "risk": r, "n": n, "margin": m, "binary": bool}
//   {"kind": "exact", "lost": l, "gained": g, "n": n, "margin": m}
//   {"kind": "betting", "drops": [...], "margin": m}
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "measure/binomial.hpp"
#include "measure/quality_test.hpp"

namespace {

using namespace dynexec;
using nlohmann::json;

double answer(const json& question) {
  const std::string kind = question.at("kind");
  if (kind == "binomial_cdf") return binomial_cdf(question.at("k"), question.at("n"), question.at("p"));
  const double margin = question.at("margin");
  if (kind == "hoeffding_bentkus")
    return hoeffding_bentkus_p(question.at("risk"), question.at("n"), margin, question.at("binary"));
  if (kind == "exact") return exact_drop_p({question.at("lost"), question.at("gained"), question.at("n")}, margin);
  if (kind == "betting") return betting_drop_p(question.at("drops").get<std::vector<double>>(), margin);
  throw std::invalid_argument("unknown kind " + kind);
}

}  // namespace

int main() {
  std::cout.precision(17);
  for (std::string line; std::getline(std::cin, line);) std::cout << json(answer(json::parse(line))).dump() << "\n";
}
