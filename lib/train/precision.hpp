// Whether bf16 products pay on this machine.
#pragma once

#include <cstdint>
#include <string>

#include "train/llama_module.hpp"

namespace dynexec {

// "fp32": false, "bf16": true, "auto": true when the feed-forward product of `shape` with `rows` rows, casts of the
// weight included, takes at most 0.8 of its fp32 time here. A few milliseconds.
bool choose_bf16(const std::string& precision, const LlamaShape& shape, std::int64_t rows);

}  // namespace dynexec
