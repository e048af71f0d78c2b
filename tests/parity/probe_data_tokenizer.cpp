// Encodes and decodes lines with our tokenizer, for comparison with another one.
// probe_data_tokenizer FOLDER < texts.json, a JSON list of strings.
// Prints {"vocab_size"}, then one JSON object a line: {"ids", "ids_special", "text", "text_special"}, or {"error"}.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "data/tokenizer.hpp"

int main(int argc, char** argv) {
  using nlohmann::json;
  if (argc != 2) {
    std::cerr << "usage: probe_data_tokenizer FOLDER < texts.json\n";
    return 2;
  }
  try {
    const auto tokenizer = dynexec::Tokenizer::load(argv[1]);
    const json texts = json::parse(std::cin);
    std::cout << json{{"vocab_size", tokenizer->vocab_size()}} << '\n';
    for (const json& text : texts) {
      json row;
      try {
        const auto ids = tokenizer->encode(text.get<std::string>(), false);
        const auto special = tokenizer->encode(text.get<std::string>(), true);
        row = {{"ids", ids},
               {"ids_special", special},
               {"text", tokenizer->decode(ids, false)},
               {"text_special", tokenizer->decode(special, true)}};
      } catch (const dynexec::Error& error) {
        row = {{"error", error.message()}};
      }
      std::cout << row << '\n';
    }
  } catch (const dynexec::Error& error) {
    std::cerr << dynexec::format_error(error);
    return 1;
  }
  return 0;
}
