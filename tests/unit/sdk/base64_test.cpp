#include "operon/base64.hpp"

#include <catch2/catch.hpp>

TEST_CASE("bytes come back from base64 as they went in") {
  for (const std::string& bytes : {std::string(), std::string("f"), std::string("fo"), std::string("foo"), std::string("\0\xff\x80z", 4)})
    CHECK(operon::base64_decode(operon::base64_encode(bytes)) == bytes);
  CHECK(operon::base64_encode("foob") == "Zm9vYg==");  // RFC 4648 section 10
  CHECK(operon::base64_decode("Zm9v\nYmFy\n") == "foobar");
}

TEST_CASE("what is not base64 is not taken for it") {
  for (const char* text : {"Zg", "Zg=", "Z===", "Zg==Zg==", "Zm9v!", "Zm 9v", "====", "=Zm9"}) {
    INFO(text);
    CHECK_FALSE(operon::base64_decode(text));
  }
}
