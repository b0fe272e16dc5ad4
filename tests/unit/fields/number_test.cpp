#include <catch2/catch.hpp>

#include "operon/fields/validate.hpp"
#include "tests/unit/fields/refusal.hpp"

namespace operon::fields {
namespace {

bool is_number(const std::string& text) {
  Field field;
  field.name = "n";
  field.type = Type::number;
  field.variable = "N";
  return refusal([&] { validate_value(field, text); }) == "accepted";
}

TEST_CASE("numbers are what Go's ParseFloat takes") {
  for (const char* text : {"0",
                           "1",
                           "-1",
                           "+1",
                           ".1",
                           "1.",
                           "1e5",
                           "1E+5",
                           "1e-5",
                           "0x1p4",
                           "0X1.8P-2",
                           "0x.8p0",
                           "NaN",
                           "nan",
                           "inf",
                           "-Inf",
                           "+INFINITY",
                           "1_000_000",
                           "1_23.50_0_0e+1_2",
                           "0x_1_2.3_4_5p+1_2",
                           "1e-400",
                           "00012",
                           "1e308",
                           "0x1p1023",
                           "1e0000000001",
                           "0b",
                           "-0"}) {
    INFO(text);
    CHECK(is_number(text) == (std::string(text) != "0b"));
  }
}

TEST_CASE("and nothing else is") {
  for (const char* text :
       {"0x10", " 1",   "1 ",   "1,2",  "1e400", "-1e400", "0x1p1024", "abc",   "1.2.3", "--1",   "+-1",     "1e",    "1e+",
        "e5",   ".",    "-",    "+",    "0x",    "0xp1",   "0x1p",     "-nan",  "+nan",  "infin", "1f",      "0x1.8", "_1",
        "1_",   "1__0", "1_.5", "1._5", "1.5_",  "1_e5",   "1e_5",     "1e+_5", "1e5_",  "1'000", "\xd9\xa1"}) {
    INFO(text);
    CHECK_FALSE(is_number(text));
  }
  CHECK_FALSE(is_number(std::string("1\0", 2)));
  CHECK_FALSE(is_number(std::string(100'000, '9')));
  CHECK(is_number("0." + std::string(100'000, '3')));
}

}  // namespace
}  // namespace operon::fields
