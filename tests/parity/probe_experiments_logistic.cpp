// Reads cases as JSON lines on stdin ({"x": [[...], ...], "y": [...], "ridge": r}) and prints the fitted weights of
// each, the intercept last, a JSON list a line.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "experiments/early_exit/logistic.hpp"

int main() {
  using nlohmann::json;
  std::cout.precision(17);
  for (std::string line; std::getline(std::cin, line);) {
    const json question = json::parse(line);
    dynexec::early_exit::LogisticData data;
    for (const json& row : question.at("x")) {
      data.features = row.size();
      for (const double value : row) data.x.push_back(value);
    }
    for (const int label : question.at("y")) data.y.push_back(static_cast<char>(label));
    std::cout << json(dynexec::early_exit::fit_logistic(data, question.at("ridge"))).dump() << "\n";
  }
}
