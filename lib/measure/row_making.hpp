// What the rows of the bench loop and rehearsed rows have in common. Private to the measure room.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "base/error.hpp"
#include "measure/rows.hpp"

namespace dynexec {

// Where a row comes from, besides its path and sample.
struct RowOrigin {
  const Task& task;
  const std::string& config;
  std::uint64_t seed = 0;
  int threads = 1;
  std::int64_t repetition = 0;
};

// A row that says what it is of and has no figures yet.
SampleRow row_without_figures(const RowOrigin& origin, const PathInfo& path, const Sample& sample);

// What an outcome says without a clock: counts, scores and, in the first repetition, features.
void fill_from_outcome(const Task& task, const Sample& sample, const Outcome& outcome, SampleRow& row);

// Runs f and returns the text of a failure that concerns this sample only; "" when there was none.
template <class F>
std::string failure_of(const F& f) {
  try {
    f();
    return "";
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::internal) throw;
    return error.where().empty() ? error.message() : error.where() + ": " + error.message();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return text.empty() ? "unknown exception" : text;
  }
}

}  // namespace dynexec
