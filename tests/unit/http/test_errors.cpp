#include <catch2/catch.hpp>

#include "core/http/errors.hpp"

using namespace operon;
using namespace operon::http;

TEST_CASE("every code has the status and the word of the contract") {
  struct Case {
    Code code;
    int status;
    const char* word;
  };
  for (const Case& c : {Case{Code::invalid_argument, 400, "bad_request"}, Case{Code::failed_precondition, 422, "unprocessable"},
                        Case{Code::out_of_range, 422, "unprocessable"}, Case{Code::not_found, 404, "not_found"},
                        Case{Code::already_exists, 409, "conflict"}, Case{Code::aborted, 409, "conflict"},
                        Case{Code::resource_exhausted, 429, "too_many_requests"}, Case{Code::permission_denied, 403, "forbidden"},
                        Case{Code::unauthenticated, 401, "unauthorized"}, Case{Code::unavailable, 503, "unavailable"},
                        Case{Code::deadline_exceeded, 504, "deadline_exceeded"}, Case{Code::unimplemented, 501, "not_implemented"},
                        Case{Code::internal, 500, "internal_error"}, Case{Code::unknown, 500, "internal_error"},
                        Case{Code::cancelled, 500, "internal_error"}, Case{Code::data_loss, 500, "internal_error"}}) {
    const Response r = to_response(Error(c.code, "text"));
    CHECK(r.status == c.status);
    CHECK(r.body == std::string("{\"error\":\"") + c.word + "\",\"message\":\"text\"}\n");
  }
  for (const int status : {405, 408, 414, 415, 431}) CHECK(word_of(status) == (status == 405 ? "method_not_allowed" : "bad_request"));
  CHECK(word_of(413) == "payload_too_large");
  CHECK(word_of(507) == "unavailable");
  CHECK(to_gateway_response(Error(Code::unavailable, "x")).status == 502);
  CHECK(to_gateway_response(Error(Code::not_found, "x")).status == 404);
}

TEST_CASE("an answer that asks to come back says when") {
  CHECK(to_response(Error(Code::unavailable, "x")).headers == std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}});
  CHECK(to_response(Error(Code::resource_exhausted, "x").with_retry_after_ms(2500)).headers ==
        std::vector<std::pair<std::string, std::string>>{{"Retry-After", "3"}});
}

TEST_CASE("an error about bytes that are no text is still JSON") {
  CHECK(Response::error(400, "bad_request", "\xff\"\n").body == "{\"error\":\"bad_request\",\"message\":\"\xef\xbf\xbd\\\"\\n\"}\n");
}
