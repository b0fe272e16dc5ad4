#include "core/base/scrubber.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <vector>

namespace operon::base {
namespace {

TEST_CASE("values of telling names are hidden, whatever surrounds them") {
  const std::pair<const char*, const char*> cases[] = {
      {"password=hunter22 user=joe", "password=***REDACTED*** user=joe"},
      {"DB_PASSWORD=hunter22", "DB_PASSWORD=***REDACTED***"},
      {R"({"password":"hunter22","a":1})", R"({"password":"***REDACTED***","a":1})"},
      {R"({"password": "with \" quote", "a": 1})", R"({"password": "***REDACTED***", "a": 1})"},
      {R"("{\"token\":\"abc def\",\"b\":2}")", R"("{\"token\":\"***REDACTED***\",\"b\":2}")"},
      {"{'apiKey': 'k-123', 'b': 2}", "{'apiKey': '***REDACTED***', 'b': 2}"},
      {"api-key: k123\nother: 1", "api-key: ***REDACTED***\nother: 1"},
      {"  - password: two words, and more\n    b: 1", "  - password: ***REDACTED***\n    b: 1"},
      {"Authorization: Bearer abc.def", "Authorization: ***REDACTED***"},
      {"sent authorization=Basic dXNlcjpwdw==, then", "sent authorization=***REDACTED***, then"},
      {"--token=abc&x=1", "--token=***REDACTED***&x=1"},
      {"client-key-data: TUlJRXBB", "client-key-data: ***REDACTED***"},
      {"certificate-authority-data: TUlJRXBB", "certificate-authority-data: ***REDACTED***"},
      {R"({"auths":{"quay.io":{"auth":"dXNlcjpwYXNz"}}})", R"({"auths":{"quay.io":{"auth":"***REDACTED***"}}})"},
      {"Set-Cookie: session=1", "Set-Cookie: ***REDACTED***"},
      {R"(secret="unterminated and more)", R"(secret="***REDACTED***)"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(scrub(text) == expected);
  }
}

TEST_CASE("secrets that show by their own form are hidden") {
  CHECK(scrub("curl -H 'X: bearer aB3.x-y_z0'") == "curl -H 'X: bearer ***REDACTED***'");
  CHECK(scrub("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl from") == "got ***REDACTED*** from");
  CHECK(scrub("key AKIAIOSFODNN7EXAMPLE in use") == "key ***REDACTED*** in use");
  CHECK(scrub("ghp_0123456789abcdefghijklmnopqrstuvwxyz") == "***REDACTED***");
  CHECK(scrub("http://joe:pa55@host:80/x?y") == "http://joe:***REDACTED***@host:80/x?y");
  CHECK(scrub("https://joe:p@ss@host/x") == "https://joe:***REDACTED***@host/x");
  CHECK(scrub("a -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY----- b") ==
        "a -----BEGIN RSA PRIVATE KEY-----***REDACTED***-----END RSA PRIVATE KEY----- b");
  CHECK(scrub("-----BEGIN PRIVATE KEY-----\nMIIE") == "-----BEGIN PRIVATE KEY-----***REDACTED***");
}

TEST_CASE("plain words stay readable") {
  for (const char* text :
       {"listening on http://127.0.0.1:8080/health", "basic authentication is off", "author: Jane", "{\"secret\":true,\"required\":false}",
        "2026-01-02T03:04:05Z info  run started jobId=123e4567-e89b-12d3-a456-426614174000", "a:b@c", "-----BEGIN CERTIFICATE-----\nMIIE",
        "tokens are kept", "", "password", "password=", "password: \"\""}) {
    CHECK(scrub(text) == text);
  }
}

TEST_CASE("a value that is known to be secret is hidden wherever it stands, while it is known") {
  {
    KnownSecret secret("s3cr3t-value");
    KnownSecret same("s3cr3t-value");
    KnownSecret longer("s3cr3t-value-and-more");
    CHECK(scrub("x s3cr3t-value y s3cr3t-value-and-more s3cr3t-valu") == "x ***REDACTED*** y ***REDACTED*** s3cr3t-valu");
    KnownSecret moved = std::move(secret);
    same = KnownSecret("another-secret");
    CHECK(scrub("s3cr3t-value another-secret") == "***REDACTED*** ***REDACTED***");
  }
  CHECK(scrub("s3cr3t-value another-secret") == "s3cr3t-value another-secret");
  KnownSecret small("abc");
  CHECK(scrub("abc") == "abc");
}

TEST_CASE("names that hide their values") {
  for (const char* name : {"password", "DB_PASSWORD", "apiKey", "auth", "Authorization", "clientSecret", "access_token"})
    CHECK(is_secret_name(name));
  for (const char* name : {"author", "name", "path", "jobId", "key"}) CHECK_FALSE(is_secret_name(name));
}

TEST_CASE("the time grows with the text, also for hostile text") {
  std::vector<KnownSecret> known;
  for (int i = 0; i < 1'000; ++i) known.emplace_back("secret-number-" + std::to_string(i));
  // The processor's time, because others may use the machine too; the least of three, because new memory costs a multiple under a
  // sanitizer.
  auto seconds = [](const std::string& text) {
    const auto now = [] {
      timespec t{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
    };
    double least = 1e9;
    for (int i = 0; i < 3; ++i) {
      const double begin = now();
      scrub(text);
      least = std::min(least, now() - begin);
    }
    return least;
  };
  auto repeated = [](const std::string& piece, size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  for (const char* piece : {"a", "password=\"", "password", "://a:", "bearer ", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "\\",
                            "token=\\\"", "a.b-c_", "password: x\n"}) {
    INFO(piece);
    // Linear is 8 times, quadratic 64.
    CHECK(seconds(repeated(piece, 800'000)) < 30 * std::max(seconds(repeated(piece, 100'000)), 0.001));
  }
}

}  // namespace
}  // namespace operon::base
