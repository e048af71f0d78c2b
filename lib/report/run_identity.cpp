#include <fmt/format.h>

#include "base/sha256.hpp"
#include "report/field_table.hpp"
#include "report/run_folder.hpp"

namespace dynexec {

std::string RunIdentity::hash() const {
  Sha256 sha;
  // Lengths keep two different lists of parts from having the same bytes.
  const auto add = [&sha](const std::string& part) { sha.update(fmt::format("{}:{}", part.size(), part)); };
  add(config_name);
  add(resolved_yaml);
  for (const auto& source : provenance) {
    add(source.role);
    add(source.sha256);
  }
  add(schema_text<SampleRow>());
  add(schema_text<SummaryRow>());
  return sha.hex();
}

std::string RunIdentity::run_id() const {
  return hash().substr(0, 12);
}

const char* run_state_name(RunState state) {
  switch (state) {
    case RunState::absent:
      return "absent";
    case RunState::planned:
      return "planned";
    case RunState::running:
      return "running";
    case RunState::done:
      return "done";
    case RunState::failed:
      return "failed";
  }
  return "";
}

}  // namespace dynexec
