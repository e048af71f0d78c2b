// README's column lists are generated from the field tables. To bring them up to date run this binary with
// DYNEXEC_UPDATE_README=1.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "base/atomic_file.hpp"
#include "report/field_table.hpp"

using namespace dynexec;

namespace {

const std::string kReadme = std::string(DYNEXEC_SOURCE_DIR) + "/README.md";

// Checks the block between <!-- fields:name --> and <!-- /fields:name -->, or writes it when asked to.
void check_block(const std::string& name, const std::string& list) {
  std::string text = read_file(kReadme);
  const std::string open = "<!-- fields:" + name + " -->\n", close = "<!-- /fields:" + name + " -->";
  const auto from = text.find(open), to = text.find(close);
  REQUIRE_MESSAGE(from != std::string::npos, "README.md has no " << open);
  REQUIRE_MESSAGE(to != std::string::npos, "README.md has no " << close);
  const auto start = from + open.size();
  REQUIRE(start <= to);
  if (std::getenv("DYNEXEC_UPDATE_README")) {
    text.replace(start, to - start, list);
    write_file_atomically(kReadme, text);
    return;
  }
  CHECK_MESSAGE(text.substr(start, to - start) == list,
                "README.md is out of date; run unit_report with DYNEXEC_UPDATE_README=1");
}

}  // namespace

TEST_CASE("README lists the columns of samples.csv and summary.csv") {
  check_block("samples", markdown_field_list<SampleRow>());
  check_block("summary", markdown_field_list<SummaryRow>());
}
