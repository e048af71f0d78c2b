#include "base/error.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/text.hpp"

using dynexec::Error;
using dynexec::ErrorKind;

TEST_CASE("each kind has its exit code") {
  CHECK(dynexec::exit_code(ErrorKind::usage) == 2);
  CHECK(dynexec::exit_code(ErrorKind::config) == 2);
  CHECK(dynexec::exit_code(ErrorKind::interrupted) == 130);
  for (const ErrorKind kind : {ErrorKind::data, ErrorKind::model, ErrorKind::io, ErrorKind::internal}) {
    CHECK(dynexec::exit_code(kind) == 1);
  }
}

TEST_CASE("an error prints what, where and the remedy") {
  const Error error(ErrorKind::config, "unknown key `lenght`", "a.yaml:3:5", "did you mean `length`?");
  CHECK(format_error(error) == "error: a.yaml:3:5: unknown key `lenght`\n  hint: did you mean `length`?\n");
  CHECK(std::string(error.what()) == "a.yaml:3:5: unknown key `lenght` (did you mean `length`?)");
  CHECK(format_error(Error(ErrorKind::internal, "a bug", "", "")) == "error: a bug\n");
}

TEST_CASE("text from outside cannot forge lines or drive the terminal") {
  const Error error(ErrorKind::data, "bad\nerror: forged", "\x1b[31mred", "a\tb\x7f");
  CHECK(format_error(error) == "error: \\x1b[31mred: bad\\nerror: forged\n  hint: a\\tb\\x7f\n");
}

TEST_CASE("escape_control leaves text alone and shows the rest") {
  CHECK(dynexec::escape_control("plain, ünïcödé, 日本, 🙂") == "plain, ünïcödé, 日本, 🙂");
  CHECK(dynexec::escape_control("\xff\xc3") == "\\xff\\xc3");                               // not UTF-8
  CHECK(dynexec::escape_control("\xc0\x80 \xed\xa0\x80") == "\\xc0\\x80 \\xed\\xa0\\x80");  // overlong, surrogate
  CHECK(dynexec::escape_control("\xc2\x9b") == "\\u009b");                                  // a control code of 8 bits
  CHECK(dynexec::escape_control("a\xe2\x80\xae b") == "a\\u202e b");                        // right-to-left override
  CHECK(dynexec::escape_control(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("utf8_length knows the bounds of the encoding") {
  const auto length = [](const char* text) { return dynexec::utf8_length(text, 0); };
  CHECK(length("a") == 1);
  CHECK(length("\xc2\x80") == 2);
  CHECK(length("\xe0\xa0\x80") == 3);
  CHECK(length("\xf4\x8f\xbf\xbf") == 4);
  CHECK(length("\xf4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(length("\xe0\x9f\xbf") == 0);      // overlong
  CHECK(length("\xf0\x8f\xbf\xbf") == 0);  // overlong
  CHECK(length("\xe2\x82") == 0);          // cut short
  CHECK(length("\x80") == 0);
}

TEST_CASE("nearest_name finds slips and nothing else") {
  const std::vector<std::string> names = {"length", "policy", "draft", "temperature", "top_k", "top_p"};
  const auto nearest = [&](const std::string& word) { return dynexec::nearest_name(word, names); };
  CHECK(nearest("lenght") == "length");  // swapped neighbours are one slip
  CHECK(nearest("legnth") == "length");
  CHECK(nearest("polici") == "policy");
  CHECK(nearest("temprature") == "temperature");
  CHECK(nearest("Draft") == "draft");
  CHECK(nearest("top-k") == "top_k");
  CHECK(nearest("top_q") == "top_k");  // equally near: the first
  CHECK(nearest("seed") == "");
  CHECK(nearest("") == "");
  CHECK(nearest("x") == "");
  CHECK(nearest(std::string(100000, 'l')) == "");
  CHECK(dynexec::nearest_name("a", std::vector<std::string>{"b"}) == "");
  CHECK(dynexec::nearest_name("length", {}) == "");
}
