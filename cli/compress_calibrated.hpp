// The part of dynexec compress quantize for networks whose inputs become bytes of ranges that samples tell: vision
// networks and pipelines.
#pragma once

#include <filesystem>

#include "cli/commands.hpp"
#include "compress/quantise.hpp"

namespace dynexec::cli {

// Whether the folder's network is of such a kind.
bool calibrated_by_samples(const std::filesystem::path& model);
// Writes args.output. Error(usage) for arguments that do not fit, and whatever the config or the folder is refused for.
QuantiseReport compress_calibrated(const CompressArgs& args, const std::filesystem::path& model);

}  // namespace dynexec::cli
