#include <catch2/catch.hpp>

#include "core/http/access.hpp"

using namespace operon::http;

namespace {

bool allowed(const AccessCheck& check, const std::string& fields, std::string_view local = {},
             const std::string& line = "POST / HTTP/1.1") {
  const std::string text = line + "\r\n" + fields + "\r\n";
  RequestHead head;
  Refusal refusal;
  HeadParser parser;
  REQUIRE(parser.parse(text, {}, head, refusal) == HeadParser::Result::done);
  return check.check(head, {}, local).allowed;
}

}  // namespace

TEST_CASE("only names of this server are served: a rebound name is not one") {
  AccessRules rules;
  rules.hosts = {"operon.example.org", "Second.example:8080"};
  const AccessCheck check(rules, {"192.0.2.7:8080", "[2001:db8::1]:80", ":8081"}, false);
  for (const char* host : {"localhost", "LocalHost:8080", "localhost.", "127.0.0.1", "127.3.2.1:99", "[::1]:8080", "192.0.2.7",
                           "192.0.2.7:1", "[2001:db8::1]", "operon.example.org:8080", "second.example", "10.1.2.3:8080"}) {
    INFO(host);
    CHECK(allowed(check, std::string("Host: ") + host + "\r\n", "10.1.2.3"));
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.8", "10.1.2.4",
                           "localhost:80:80", "localhost:x", "[::1", "[::1]x", "0.0.0.0", "user@localhost", "127.0.0.1,evil"}) {
    INFO(host);
    CHECK_FALSE(allowed(check, std::string("Host: ") + host + "\r\n", "10.1.2.3"));
  }
}

TEST_CASE("no page of another origin causes a request") {
  AccessRules rules;
  rules.origins = {"https://console.example"};
  const AccessCheck check(rules, {"127.0.0.1:8080"}, false);
  const std::string host = "Host: localhost:8080\r\n";
  CHECK(allowed(check, host));
  CHECK(allowed(check, host + "Origin: http://localhost:8080\r\n"));
  CHECK(allowed(check, host + "Origin: https://console.example\r\n"));
  CHECK(allowed(check, host + "Origin: https://console.example:443\r\nSec-Fetch-Site: cross-site\r\n"));
  CHECK(allowed(check, "Host: localhost\r\nOrigin: http://localhost:80\r\n"));
  for (const char* origin : {"null", "", "http://evil.example", "http://localhost:3000", "http://localhost:8080.evil.example",
                             "https://console.example.evil", "file://"}) {
    INFO(origin);
    CHECK_FALSE(allowed(check, host + "Origin: " + origin + "\r\n"));
  }
  CHECK_FALSE(allowed(check, host + "Sec-Fetch-Site: cross-site\r\n"));
  CHECK(allowed(check, host + "Sec-Fetch-Site: same-origin\r\n"));
  CHECK(allowed(check, host + "Sec-Fetch-Site: none\r\n"));
  const std::string link = host + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
  CHECK(allowed(check, link, {}, "GET / HTTP/1.1"));
  CHECK_FALSE(allowed(check, link, {}, "POST / HTTP/1.1"));
  const AccessCheck tls(rules, {"127.0.0.1:8080"}, true);
  CHECK_FALSE(allowed(tls, host + "Origin: http://localhost:8080\r\n"));
  CHECK(allowed(tls, host + "Origin: https://localhost:8080\r\n"));
}
