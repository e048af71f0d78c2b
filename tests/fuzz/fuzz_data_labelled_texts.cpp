// The reader of labelled texts takes any bytes: it gives labels of the classes or throws dynexec::Error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "data/labelled_texts.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dynexec;
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  for (const char* format : {"auto", "jsonl", "tsv"}) {
    LabelledTextOptions options;
    options.file = "texts";
    options.format = format;
    try {
      for (const LabelledText& text : parse_labelled_texts(content, options, 3, {"bad", "good", "mixed"}))
        if (text.label < 0 || text.label > 2) std::abort();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) std::abort();
    }
  }
  return 0;
}
