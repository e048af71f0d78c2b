#include "data/answer.hpp"

#include <doctest/doctest.h>

using namespace dynexec;

TEST_CASE("the final answer stands after the last mark") {
  CHECK(final_answer("3 + 4 = 7.\n#### 7") == "7");
  CHECK(final_answer("#### 1\nno, wait\n####  12 \nthe end 5") == "12");
  CHECK(final_answer("####") == "");
  CHECK(final_answer("#### n d e") == "n d e");
  CHECK(final_answer("so it is 1,234.50 dollars.") == "1,234.50");
  CHECK(final_answer("about -5 degrees") == "-5");
  CHECK(final_answer("10-5") == "5");
  CHECK(final_answer("nothing here\nbut this ") == "but this");
  CHECK(final_answer("") == "");
}

TEST_CASE("answers are compared after normalisation") {
  CHECK(normalise_answer(" $1,234.50. ") == "1234.5");
  CHECK(normalise_answer("7.0") == "7");
  CHECK(normalise_answer("100") == "100");
  CHECK(normalise_answer("Wednesday.") == "wednesday");
  CHECK(normalise_answer("n  d\te") == "n d e");
}

TEST_CASE("exact match") {
  CHECK(answers_match("It is 5 + 2 = 7.\n#### 7", "7"));
  CHECK(answers_match("#### 7.0", "7"));
  CHECK_FALSE(answers_match("#### 17", "7"));
  CHECK_FALSE(answers_match("#### 7\n#### 8", "7"));
  CHECK_FALSE(answers_match("#### ", "7"));
  CHECK_FALSE(answers_match("", "7"));
  CHECK_FALSE(answers_match("anything", ""));
  CHECK(answers_match("She has 39 left", "39.0"));
  CHECK(answers_match("The answer is (B).", "B"));
  CHECK_FALSE(answers_match("A car is fast, so C", "A"));
  CHECK(answers_match("No, wait: Yes.", "yes"));
  CHECK_FALSE(answers_match("I do not know", "yes"));
  CHECK(answers_match("Thus\nAlice has the green present.", "the green present"));
  CHECK_FALSE(answers_match("it is xyajo", "yajo"));
  CHECK(answers_match("it is yajo", "yajo"));
}
