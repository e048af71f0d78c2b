// What a person or a script sees of a tuning: a table of the chosen settings, and the head of the tuned config.
#pragma once

#include <span>
#include <string>

#include "measure/tune.hpp"
#include "report/table.hpp"

namespace dynexec {

// table and md: a line for each path, then what did not pass and why. csv and json: every setting that was run.
std::string render_tuning(std::span<const TunedPath> paths, const TuneOptions& options, Format format,
                          const TableStyle& style = {});

// Comment lines for the tuned config: margin, confidence, and for each path the choice, where testing stopped, and
// their p-values.
std::string tuning_comment(std::span<const TunedPath> paths, const TuneOptions& options, const std::string& config);

// Why no setting of the path passed, and what helps; "" for a path that was tuned.
std::string why_untuned(const TunedPath& path, const TuneOptions& options);

}  // namespace dynexec
