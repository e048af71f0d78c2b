// The CSV reader takes any bytes: it reads them or throws dynexec::Error, and what it has read survives being
// written.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "report/csv.hpp"
#include "report/row_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dynexec;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto torn_end : {TornEnd::refuse, TornEnd::drop}) {
    try {
      const CsvTable table = parse_csv(text, "fuzz.csv", torn_end);
      if (table.complete_bytes > text.size()) std::abort();
      for (const auto& record : table.records) {
        // The writer turns line feeds into blanks; all else must come back.
        std::vector<std::string> fields = record.fields;
        for (auto& field : fields)
          for (auto& c : field)
            if (c == '\n') c = ' ';
        CsvRecord again;
        const std::string line = csv_record(fields) + '\n';
        if (!CsvReader(line, "again").next(again)) std::abort();
        if (again.fields != fields || !again.complete) std::abort();
      }
    } catch (const Error&) {
    }
    try {
      static_cast<void>(read_rows<SampleRow>(text, "fuzz.csv", torn_end));
    } catch (const Error&) {
    }
  }
  return 0;
}
