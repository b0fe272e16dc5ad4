#include "core/base/text.hpp"

#include <catch2/catch.hpp>

namespace operon::base {
namespace {

TEST_CASE("times as RFC 3339") {
  CHECK(rfc3339(1'767'323'045'678) == "2026-01-02T03:04:05Z");
  CHECK(rfc3339_ms(1'767'323'045'678) == "2026-01-02T03:04:05.678Z");
  CHECK(rfc3339_ms(0) == "1970-01-01T00:00:00.000Z");
  CHECK(rfc3339_ms(-1) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("UTF-8 is judged strictly") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "a\xffz", "\xe2\x82"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("base64 there and back, and nothing but base64") {
  const std::pair<const char*, const char*> pairs[] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                                       {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe", "//4="}};
  for (const auto& [bytes, text] : pairs) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == std::string(bytes));
  }
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "Zm 9", "Zm9-", "Zh==", "Zm9=", "Zg==Zg=="}) {
    INFO(bad);
    CHECK_FALSE(base64_decode(bad));
  }
}

TEST_CASE("near words for a misspelt one") {
  const std::vector<std::string> known{"listen", "log", "plugins", "defaults", "state"};
  CHECK(nearest("plugin", known) == std::vector<std::string>{"plugins"});
  CHECK(nearest("lsiten", known) == std::vector<std::string>{"listen"});
  CHECK(nearest("LISTEN", known) == std::vector<std::string>{"listen"});
  CHECK(nearest("zebra", known).empty());
  CHECK(nearest(std::string(100'000, 'a'), known).empty());
}

TEST_CASE("sizes for people") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(1023) == "1023 B");
  CHECK(bytes_text(1536) == "1.5KiB");
  CHECK(bytes_text(4u << 20) == "4MiB");
  CHECK(bytes_text(900 * 1024) == "900KiB");
}

TEST_CASE("a value in a message stays on its line") {
  CHECK(printable("a\nb\tc\r\x01\x7f") == "a\\nb\\tc\\r\\x01\\x7f");
  CHECK(printable("gr\xc3\xbcn \xff") == "gr\xc3\xbcn \\xff");
  CHECK(printable("\x1b[31mred") == "\\x1b[31mred");
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("a\xc3\xbc", 2) == "a...");  // never half a character
}

}  // namespace
}  // namespace operon::base
