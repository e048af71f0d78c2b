// Run folders in a place of their own, for the report's tests.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/atomic_file.hpp"
#include "report/run_folder.hpp"
#include "rows_fixture.hpp"

namespace dynexec::fixture {

struct TempFolder {
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "dynexec-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

inline RunIdentity identity(const std::string& yaml = "seed: 1\n") {
  return {"quickstart", yaml, {{"target", "models/target", "aa11", 1e6}}};
}

inline void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read(const std::string& path) {
  return read_file(path);
}

using Key = std::tuple<std::int64_t, std::int64_t, std::string>;
inline std::set<Key> keys(const std::vector<SampleRow>& rows) {
  std::set<Key> result;
  for (const auto& row : rows) result.insert({row.sample, row.repetition, row.path});
  return result;
}

}  // namespace dynexec::fixture
