#include "text.hpp"

#include <catch2/catch.hpp>

using namespace operon::runner_pod;

TEST_CASE("what is UTF-8") {
  CHECK(is_utf8("plain\n\t"));
  CHECK(is_utf8("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (const char* const wrong : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
    INFO(wrong);
    CHECK_FALSE(is_utf8(wrong));
  }
}

TEST_CASE("a legal label value stays, another one becomes legal and keeps a hash") {
  for (const char* const legal : {"", "a", "pod-scenarios", "A.b_c-9"}) CHECK(label_value(legal) == legal);
  CHECK(label_value(std::string(63, 'x')) == std::string(63, 'x'));
  const auto cut = label_value(std::string(64, 'x'));
  CHECK(cut.size() == 63);
  CHECK(cut != label_value(std::string(65, 'x')));
  const auto comma = label_value("a,b");
  CHECK(comma.starts_with("a-b-"));
  CHECK(comma != label_value("a;b"));
  CHECK(label_value("-a-").starts_with("a-"));
  CHECK(label_value("\xc3\xa4").size() == 10);
}

TEST_CASE("keys of ConfigMaps") {
  CHECK(data_key("config.yaml") == "config.yaml");
  CHECK(data_key(".hidden") == ".hidden");
  CHECK(data_key("my file.txt").starts_with("my-file.txt-"));
  CHECK(data_key("..data") != "..data");
  CHECK(data_key("my file.txt") != data_key("my+file.txt"));
}

TEST_CASE("DNS labels") {
  CHECK(dns_label("Config.YAML", 63) == "config-yaml");
  CHECK(dns_label("--a--", 63) == "a");
  CHECK(dns_label("\xc3\xa4", 63) == short_hash("\xc3\xa4"));
  CHECK(dns_label(std::string(80, 'a'), 63).size() == 63);
}

TEST_CASE("Kubernetes expands nothing in a value") {
  CHECK(literal_value("plain $ $x a$") == "plain $ $x a$");
  CHECK(literal_value("$(HOME)") == "$$(HOME)");
  CHECK(literal_value("$$(HOME)") == "$$$$(HOME)");
  CHECK(literal_value("$$x") == "$$$x");
}

TEST_CASE("times") {
  CHECK(unix_ns("1970-01-01T00:00:01Z") == 1'000'000'000);
  CHECK(unix_ns("2026-11-21T13:00:00.123456789Z") == 1795266000123456789);
  CHECK(unix_ns("2026-11-21T14:00:00.5+01:00") == 1795266000500000000);
  CHECK(unix_ms("2026-11-21T13:00:00Z") == 1795266000000);
  for (const char* const wrong :
       {"", "now", "2026-11-21", "2026-11-21T13:00:00", "2026-11-21T13:00:00Zx", "2026-13-21T13:00:00Z", "2026-11-21T13:00:0xZ"}) {
    INFO(wrong);
    CHECK_FALSE(unix_ns(wrong));
  }
  CHECK(rfc3339(1795266000999999999) == "2026-11-21T13:00:00Z");
}
