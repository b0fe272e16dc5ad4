#include "core/config/values.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace operon::config;

TEST_CASE("numbers take the units of their kind and no other") {
  CHECK(parse_number("4096", Unit::bytes) == 4096);
  CHECK(parse_number("64KiB", Unit::bytes) == 65536);
  CHECK(parse_number("1.5GiB", Unit::bytes) == 1610612736);
  CHECK(parse_number("500ms", Unit::milliseconds) == 500);
  CHECK(parse_number("2m", Unit::milliseconds) == 120000);
  CHECK(parse_number("7d", Unit::seconds) == 604800);
  CHECK(parse_number("-3", Unit::none) == -3);
  for (const char* bad : {"", "x", "1x", "1e3", "0x10", " 1", "1 ", "30s", "KiB", "99999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(parse_number(bad, Unit::none));
  }
  CHECK_FALSE(parse_number("9223372036854775807KiB", Unit::bytes));
  CHECK_FALSE(parse_number("0.3KiB", Unit::bytes));
  CHECK_FALSE(parse_number("1KB", Unit::bytes));
}

TEST_CASE("a number's text reads back as the same number") {
  for (auto unit : {Unit::none, Unit::bytes, Unit::milliseconds, Unit::seconds}) {
    for (int64_t value : {int64_t{0}, int64_t{1}, int64_t{1023}, int64_t{1024}, int64_t{90000}, int64_t{604800}, int64_t{1} << 40}) {
      INFO(number_text(value, unit));
      CHECK(parse_number(number_text(value, unit), unit) == value);
    }
  }
}

TEST_CASE("scalars become JSON by the core schema; what is quoted or doubtful stays text") {
  const auto json = [](const char* text, bool quoted = false) { return scalar_json(text, quoted).dump(); };
  CHECK(json("12") == "12");
  CHECK(json("12", true) == "\"12\"");
  CHECK(json("-1.5") == "-1.5");
  CHECK(json("true") == "true");
  CHECK(json("yes") == "\"yes\"");
  CHECK(json("~") == "null");
  CHECK(json("null", true) == "\"null\"");
  CHECK(json("0123") == "\"0123\"");
  CHECK(json("1.2.3") == "\"1.2.3\"");
  CHECK(json("0.5") == "0.5");
  CHECK(json("1e3") == "1000.0");
  CHECK(json("-") == "\"-\"");
}

TEST_CASE("addresses") {
  CHECK(address_text(*parse_address(":8080")) == ":8080");
  CHECK(address_text(*parse_address("[::1]:0")) == "[::1]:0");
  CHECK(address_text(*parse_address("localhost:65535")) == "localhost:65535");
  for (const char* bad : {"", "8080", "host", "host:", "host:65536", "::1:8080", "[]:1", "a b:1", "http://x:1", "h:-1", "h:+1"}) {
    INFO(bad);
    CHECK_FALSE(parse_address(bad));
  }
  CHECK(is_loopback("127.0.0.1"));
  CHECK(is_loopback("127.9.8.7"));
  CHECK(is_loopback("LocalHost"));
  CHECK(is_loopback("::1"));
  CHECK_FALSE(is_loopback("127.0.0.1.example.org"));
  CHECK_FALSE(is_loopback("0.0.0.0"));
  CHECK_FALSE(is_loopback(""));
  CHECK_FALSE(is_loopback("128.0.0.1"));
}
