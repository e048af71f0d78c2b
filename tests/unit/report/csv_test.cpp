#include "report/csv.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/random.hpp"

using namespace dynexec;

namespace {

std::vector<std::string> only_record(const std::string& text) {
  CsvReader reader(text, "t.csv");
  CsvRecord record;
  REQUIRE(reader.next(record));
  CsvRecord more;
  CHECK(!reader.next(more));
  return record.fields;
}

std::string place_of_error(const std::string& text) {
  try {
    parse_csv(text, "t.csv", TornEnd::refuse);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(!error.hint().empty());
    return error.where();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("fields are quoted when they need it and only then") {
  CHECK(csv_field("plain text") == "plain text");
  CHECK(csv_field("") == "");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"hi\"") == "\"say \"\"hi\"\"\"");
  CHECK(csv_field(" padded") == "\" padded\"");
}

TEST_CASE("a field is one line of printable text") {
  CHECK(csv_field("two\nlines") == "two lines");
  CHECK(csv_field("two\r\nlines") == "two lines");
  CHECK(csv_field(std::string("nul\0inside", 10)) == "nulinside");
  CHECK(csv_field("\x1b[31mred\x07") == "[31mred");
  CHECK(csv_field("a\tb") == "\"a\tb\"");
  CHECK(csv_field("größe µs") == "größe µs");
}

TEST_CASE("what is written is read back") {
  const char alphabet[] = {'a', ',', '"', ' ', '\t', 'z', '\xc3'};
  RandomStream random(3, 0, 0, 0);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> fields(1 + random.below(5));
    for (auto& field : fields)
      for (auto n = random.below(8); n > 0; --n) field += alphabet[random.below(sizeof alphabet)];
    CHECK(only_record(csv_record(fields) + '\n') == fields);
    CHECK(only_record(csv_record(fields) + "\r\n") == fields);
    CHECK(csv_record(fields).find('\n') == std::string::npos);
  }
}

TEST_CASE("the reader takes CRLF, quoted line ends, a byte order mark and a last line without its end") {
  const auto table = parse_csv(
      "\xef\xbb\xbf"
      "a,b\r\n\"x\r\ny\",\"1,\"\"2\"\"\"\r\nlast,row",
      "t.csv", TornEnd::refuse);
  CHECK(table.header == std::vector<std::string>{"a", "b"});
  REQUIRE(table.records.size() == 2);
  CHECK(table.records[0].fields == std::vector<std::string>{"x\ny", "1,\"2\""});
  CHECK(table.records[1].fields == std::vector<std::string>{"last", "row"});
  CHECK(table.records[1].line == 4);
}

TEST_CASE("damage is refused with line and column") {
  CHECK(place_of_error("a,b\n1,x\"y\n") == "t.csv:2:4");
  CHECK(place_of_error("a,b\n1,\"x\"y\n") == "t.csv:2:6");
  CHECK(place_of_error("a,b\n1,2\n3\n") == "t.csv:3");
  CHECK(place_of_error("a,b\n1,2,3\n") == "t.csv:2");
  CHECK(place_of_error("a,b\n1,\"open\n") == "t.csv:2");
  CHECK(place_of_error(std::string("a,b\n1,\0\n", 8)) == "t.csv:2:3");
  CHECK(place_of_error("a,b\n1\r2,3\n") == "t.csv:2:2");
  CHECK(place_of_error("a,b\n1,2\n") == "accepted");
}

TEST_CASE("every way to cut a file off leaves the complete records") {
  const std::string text = "a,b\n1,\"x,\"\"y\"\"\"\n2,plain\r\n3,end\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CAPTURE(size);
    const auto table = parse_csv(text.substr(0, size), "t.csv", TornEnd::drop);
    const std::string kept = text.substr(0, table.complete_bytes);
    CHECK((kept.empty() || kept.back() == '\n'));
    // Nothing complete was thrown away.
    const auto rest = text.substr(table.complete_bytes, size - table.complete_bytes);
    CHECK(rest.find('\n') == std::string::npos);
    const auto again = parse_csv(kept, "t.csv", TornEnd::refuse);
    CHECK(again.records.size() == table.records.size());
  }
}
