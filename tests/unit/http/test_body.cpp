#include <catch2/catch.hpp>

#include "core/http/body.hpp"

using namespace operon::http;

namespace {

RequestHead head_of(const std::string& field) {
  static std::string text;
  text = "POST / HTTP/1.1\r\nHost: h\r\n" + field + "\r\n\r\n";
  RequestHead head;
  Refusal refusal;
  HeadParser parser;
  REQUIRE(parser.parse(text, {}, head, refusal) == HeadParser::Result::done);
  return head;
}

struct Read {
  BodyReader::Result result = BodyReader::Result::more;
  std::string text, rest;
  int status = 0;
};

Read read_chunked(std::string_view wire, size_t piece, size_t bytes_max = 1000) {
  BodyReader body(head_of("Transfer-Encoding: chunked"), bytes_max, true);
  Read r;
  Refusal refusal;
  while (!wire.empty() && r.result == BodyReader::Result::more) {
    std::string_view now = wire.substr(0, piece);
    const size_t before = now.size();
    r.result = body.feed(now, refusal);
    wire.remove_prefix(before - now.size());
  }
  r.text = body.text();
  r.rest = std::string(wire);
  r.status = refusal.status;
  return r;
}

}  // namespace

TEST_CASE("a chunked body is the same however it is cut") {
  const std::string wire = "4\r\nWiki\r\n6;name=value\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\nGET /next";
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{1000}}) {
    const Read r = read_chunked(wire, piece);
    CHECK(r.result == BodyReader::Result::done);
    CHECK(r.text == "Wikipedia in \r\n\r\nchunks.");
    CHECK(r.rest == "GET /next");
  }
}

TEST_CASE("a malformed or oversized chunked body is refused") {
  for (const char* wire :
       {"\r\nabc", "g\r\n", " 4\r\n", "4 \r\n", "-4\r\n", "+4\r\n", "0x4\r\n", "4\nWiki\r\n", "4\r\nWikiX", "4\r\nWiki\n0\r\n\r\n",
        "123456789\r\n", ";x\r\n", "4\rX", "0\r\nA\nB\r\n\r\n", "0\r\nA: \rB\r\n\r\n", "4;\x01\r\n"}) {
    INFO(wire);
    const Read r = read_chunked(wire, 1);
    CHECK(r.result == BodyReader::Result::refused);
    CHECK(r.status == 400);
  }
  CHECK(read_chunked("3e9\r\n", 1000).status == 413);
  CHECK(read_chunked("3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\n", 1000).status == 413);
  CHECK(read_chunked("4;" + std::string(300, 'x'), 1000).status == 400);
  CHECK(read_chunked("0\r\n" + std::string(5000, 'x'), 1000).status == 400);
}

TEST_CASE("a body by length ends where it says") {
  BodyReader body(head_of("Content-Length: 5"), 5, true);
  Refusal refusal;
  std::string_view one = "ab", two = "cdeGET";
  CHECK(body.feed(one, refusal) == BodyReader::Result::more);
  CHECK(body.feed(two, refusal) == BodyReader::Result::done);
  CHECK(body.text() == "abcde");
  CHECK(two == "GET");
  BodyReader large(head_of("Content-Length: 6"), 5, true);
  std::string_view three = "a";
  CHECK(large.feed(three, refusal) == BodyReader::Result::refused);
  CHECK(refusal.status == 413);
  CHECK(BodyReader(head_of("Content-Length: 0"), 5, true).done());
  BodyReader dropped(head_of("Content-Length: 5"), 5, false);
  std::string_view five = "abcde";
  CHECK(dropped.feed(five, refusal) == BodyReader::Result::done);
  CHECK(dropped.text().empty());
  CHECK(dropped.received() == 5);
}
