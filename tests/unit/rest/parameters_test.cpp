#include "core/rest/parameters.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/rest/answer.hpp"
#include "operon/error.hpp"

using namespace operon;

namespace {

http::Request with(std::vector<std::pair<std::string, std::string>> query) {
  http::Request request;
  request.query = std::move(query);
  return request;
}

http::Response answer_of(http::Handler handler) {
  return rest::guarded(std::move(handler))(http::Request{});
}

}  // namespace

TEST_CASE("booleans are the contract's words and nothing else") {
  for (const char* word : {"1", "t", "T", "TRUE", "true", "True"}) CHECK(rest::query_bool(with({{"f", word}}), "f", false));
  for (const char* word : {"0", "f", "F", "FALSE", "false", "False"}) CHECK_FALSE(rest::query_bool(with({{"f", word}}), "f", true));
  for (const char* word : {"tRUE", "yes", "on", " true", "2"}) CHECK_THROWS_AS(rest::query_bool(with({{"f", word}}), "f", true), Error);
  CHECK(rest::query_bool(with({}), "f", true));
}

TEST_CASE("numbers are whole, in range, and end where they end") {
  CHECK(rest::query_number(with({{"n", "18446744073709551615"}}), "n", 0, UINT64_MAX) == UINT64_MAX);
  for (const char* text : {"18446744073709551616", "+1", "-1", "1 ", " 1", "0x1", "1e3", "1.0"})
    CHECK_THROWS_AS(rest::query_number(with({{"n", text}}), "n", 0, UINT64_MAX), Error);
  CHECK_THROWS_AS(rest::query_number(with({{"n", "5"}}), "n", 6, 9), Error);
  CHECK_FALSE(rest::query_number(with({}), "n", 0, 9));
}

TEST_CASE("whatever a handler throws becomes the error body, without secrets") {
  const auto plain = answer_of([](const http::Request&) -> http::Response { throw Error(Code::not_found, "no such thing"); });
  CHECK(plain.status == 404);
  CHECK(plain.body == "{\"error\":\"not_found\",\"message\":\"no such thing\"}\n");
  const auto standard = answer_of([](const http::Request&) -> http::Response { throw std::runtime_error("oops"); });
  CHECK(standard.status == 500);
  const auto odd = answer_of([](const http::Request&) -> http::Response { throw 42; });
  CHECK(odd.status == 500);
  const auto secret =
      answer_of([](const http::Request&) -> http::Response { throw Error(Code::unavailable, "login failed: password=hunter2hunter2"); });
  CHECK(secret.body.find("hunter2") == std::string::npos);
  const auto later =
      answer_of([](const http::Request&) -> http::Response { throw Error(Code::resource_exhausted, "full").with_retry_after_ms(2500); });
  CHECK(later.status == 429);
  CHECK(later.headers == std::vector<std::pair<std::string, std::string>>{{"Retry-After", "3"}});
  for (const auto code : {Code::unauthenticated, Code::permission_denied}) {
    const auto ours = answer_of([code](const http::Request&) -> http::Response { throw Error(code, "get secrets t: no"); });
    CHECK(ours.status == 503);
    CHECK(ours.body == "{\"error\":\"unavailable\",\"message\":\"this host was refused: get secrets t: no\"}\n");
  }
}
