#include "core/kube/status.hpp"

#include <catch2/catch.hpp>

using namespace operon;
using namespace operon::kube;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

Error from(int status, std::string body, std::string retry_after = "") {
  return error_of({status, std::move(retry_after), std::move(body)}, "create pods a/b");
}

}  // namespace

TEST_CASE("an API server's Status becomes an error with code, reason, field and words") {
  const auto error =
      from(422, R"({"kind":"Status","status":"Failure","message":"Pod \"b\" is invalid: spec.x: Required value","reason":"Invalid",
    "details":{"name":"b","causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.x"}]},"code":422})");
  CHECK(error.code() == Code::failed_precondition);
  CHECK(error.reason() == "Invalid");
  CHECK(error.field() == "spec.x");
  CHECK_THAT(error.what(), Equals("create pods a/b: Pod \"b\" is invalid: spec.x: Required value"));
}

TEST_CASE("codes follow status and reason") {
  struct Row {
    int status;
    const char* reason;
    Code code;
  };
  const Row rows[] = {{400, "BadRequest", Code::invalid_argument},    {401, "Unauthorized", Code::unauthenticated},
                      {403, "Forbidden", Code::permission_denied},    {404, "NotFound", Code::not_found},
                      {409, "AlreadyExists", Code::already_exists},   {409, "Conflict", Code::aborted},
                      {410, "Expired", Code::out_of_range},           {429, "TooManyRequests", Code::resource_exhausted},
                      {500, "InternalError", Code::internal},         {500, "ServerTimeout", Code::unavailable},
                      {503, "ServiceUnavailable", Code::unavailable}, {504, "Timeout", Code::unavailable},
                      {405, "MethodNotAllowed", Code::unimplemented}};
  for (const auto& row : rows) {
    INFO(row.status << " " << row.reason);
    const auto error = from(row.status, std::string(R"({"kind":"Status","reason":")") + row.reason + "\"}");
    CHECK(error.code() == row.code);
    CHECK(error.reason() == row.reason);
  }
}

TEST_CASE("questions about an error") {
  CHECK(is_conflict(from(409, R"({"kind":"Status","reason":"Conflict"})")));
  CHECK_FALSE(is_conflict(from(409, R"({"kind":"Status","reason":"AlreadyExists"})")));
  CHECK(is_already_exists(from(409, R"({"kind":"Status","reason":"AlreadyExists"})")));
  CHECK(is_expired(from(410, R"({"kind":"Status","reason":"Expired"})")));
  CHECK(is_expired(error_of_status(R"({"kind":"Status","reason":"Gone","code":410})", "watch pods")));
  CHECK_FALSE(is_expired(from(413, R"({"kind":"Status","reason":"RequestEntityTooLarge"})")));
  CHECK(is_not_found(from(404, "")));
}

TEST_CASE("the server's wish to wait is taken from header or body, within reason") {
  CHECK(from(429, "slow down", "7").retry_after_ms() == 7000);
  CHECK(from(500, R"({"kind":"Status","reason":"ServerTimeout","details":{"retryAfterSeconds":2}})").retry_after_ms() == 2000);
  CHECK(from(429, "", "99999999").retry_after_ms() == 3600'000);
  CHECK_FALSE(from(429, "", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after_ms());
}

TEST_CASE("an answer that is no Status shows its first words on one line") {
  const auto error = from(502, "<html>\nbad gateway" + std::string(5000, 'x'));
  CHECK(error.code() == Code::unavailable);
  CHECK_THAT(error.what(), Contains("HTTP 502") && Contains("bad gateway") && !Contains("\n"));
  CHECK(std::string(error.what()).size() < 1500);
  CHECK(from(500, R"({"kind":"Pod"})").code() == Code::internal);
  CHECK(from(500, std::string(100, '[')).code() == Code::internal);
}
