// Texts as a pipeline's text encoder takes them: token ids, all of one length.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.hpp"

namespace dynexec {

class PromptTokens {
 public:
  // `folder`: tokenizer.json, or CLIP's vocab.json and merges.txt; their configuration names the token that fills up,
  // and may shorten `positions`. Error(model).
  PromptTokens(const std::filesystem::path& folder, std::int64_t positions);

  // Filled up or cut to length(); a cut text keeps the token that ends it.
  std::vector<std::int32_t> encode(std::string_view text) const;
  std::size_t length() const { return length_; }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::size_t length_ = 0;
  std::int32_t padding_ = 0;
  bool ends_ = true;  // whether texts end with a special token
};

}  // namespace dynexec
