#include <catch2/catch.hpp>

#include "core/http/target.hpp"

using namespace operon::http;

namespace {

int status_of_target(std::string_view text, std::string_view method = "GET") {
  Target t;
  return parse_target(method, text, t).status;
}

Target target(std::string_view text) {
  Target t;
  REQUIRE(parse_target("GET", text, t).status == 0);
  return t;
}

using Query = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("targets are decoded strictly") {
  CHECK(target("/a%20b/%C3%A4").path == "/a b/\xc3\xa4");
  CHECK(target("/a+b").path == "/a+b");
  CHECK(target("/a/../b").path == "/a/../b");
  CHECK(target("/a?x=1&y=a+b%26&x=2&empty=&none&=v").query == Query{{"x", "1"}, {"y", "a b&"}, {"x", "2"}, {"", "v"}});
  CHECK(target("/?").query.empty());
  CHECK(target("http://Host:80/a?b=c").path == "/a");
  CHECK(target("http://Host:80/a?b=c").query == Query{{"b", "c"}});
  CHECK(target("http://Host:80").path == "/");
  CHECK(target("https://h?x=y").authority == "h");
  CHECK(target("https://h?x=y").query == Query{{"x", "y"}});
  for (const char* bad : {"/%", "/%2", "/%zz", "/%00", "/%ff", "/%c0%80", "/%ed%a0%80", "/a?%", "/a?x=%ff", "/a?%00=1", "/a#b", "/a%2Fb",
                          "/%2f", "a", "*", "ftp://h/", "http:///a", "http://u@h/", "h:443"}) {
    INFO(bad);
    CHECK(status_of_target(bad) == 400);
  }
  CHECK(status_of_target("*", "OPTIONS") == 0);
}
