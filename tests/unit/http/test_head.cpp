#include <catch2/catch.hpp>
#include <random>

#include "core/http/head.hpp"

using namespace operon::http;

namespace {

struct Parsed {
  HeadParser::Result result;
  RequestHead head;
  Refusal refusal;
};

Parsed parse(std::string_view text, ServerLimits limits = {}) {
  Parsed p{};
  HeadParser parser;
  p.result = parser.parse(text, limits, p.head, p.refusal);
  return p;
}

int status_of_head(std::string_view text, ServerLimits limits = {}) {
  const Parsed p = parse(text, limits);
  return p.result == HeadParser::Result::done ? 200 : p.result == HeadParser::Result::incomplete ? 0 : p.refusal.status;
}

}  // namespace

TEST_CASE("a head is read into its parts") {
  const std::string text =
      "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nContent-Length:\t 12 \r\nX-Request-ID: r1\r\nConnection: keep-alive, Upgrade\r\nUPGRADE: "
      "WebSocket\r\n\r\nrest";
  const Parsed p = parse(text);
  REQUIRE(p.result == HeadParser::Result::done);
  CHECK(p.head.method() == "POST");
  CHECK(p.head.target() == "/a?b=c");
  CHECK(p.head.host() == "h:1");
  CHECK(p.head.content_length() == 12);
  CHECK(p.head.request_id() == "r1");
  CHECK(p.head.wants_websocket());
  CHECK(p.head.keep_alive());
  CHECK(p.head.header("cONTENT-lENGTH") == "12");
  CHECK(p.head.header("absent").data() == nullptr);
  CHECK(p.head.bytes() == text.size() - 4);
  std::string moved = text;
  RequestHead head = p.head;
  head.rebase(moved.data());
  CHECK(head.target().data() == moved.data() + 5);
}

TEST_CASE("a head that arrives byte by byte is the same head") {
  const std::string text = "GET / HTTP/1.0\r\nA: b\r\nConnection: keep-alive\r\n\r\n";
  HeadParser parser;
  RequestHead head;
  Refusal refusal;
  for (size_t n = 1; n < text.size(); ++n)
    REQUIRE(parser.parse(std::string_view(text).substr(0, n), {}, head, refusal) == HeadParser::Result::incomplete);
  REQUIRE(parser.parse(text, {}, head, refusal) == HeadParser::Result::done);
  CHECK(head.minor_version() == 0);
  CHECK(head.keep_alive());
  CHECK(head.header("a") == "b");
}

TEST_CASE("what a strict reader refuses") {
  struct Case {
    const char* name;
    std::string text;
    int status;
  };
  using namespace std::string_literals;
  const std::string h = "Host: h\r\n";
  const std::vector<Case> cases{
      {"good", "GET / HTTP/1.1\r\n" + h + "\r\n", 200},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 200},
      {"HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\n" + h + h + "\r\n", 400},
      {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n" + h + "\r\n", 505},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"lower-case http", "GET / http/1.1\r\n" + h + "\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\n" + h + "\r\n", 400},
      {"space in target", "GET /a b HTTP/1.1\r\n" + h + "\r\n", 400},
      {"tab in request line", "GET\t/ HTTP/1.1\r\n" + h + "\r\n", 400},
      {"NUL in target", "GET /a\0b HTTP/1.1\r\n"s + h + "\r\n", 400},
      {"8-bit target", "GET /\xc3\xa4 HTTP/1.1\r\n" + h + "\r\n", 400},
      {"CR in request line", "GET /\r HTTP/1.1\r\n" + h + "\r\n", 400},
      {"bad method", "G(T / HTTP/1.1\r\n" + h + "\r\n", 400},
      {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400},
      {"bare LF at the end", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
      {"folded field", "GET / HTTP/1.1\r\n" + h + "A: b\r\n c\r\n\r\n", 400},
      {"space before colon", "GET / HTTP/1.1\r\n" + h + "Content-Length : 3\r\n\r\n", 400},
      {"no name", "GET / HTTP/1.1\r\n" + h + ": x\r\n\r\n", 400},
      {"no colon", "GET / HTTP/1.1\r\n" + h + "nonsense\r\n\r\n", 400},
      {"NUL in value", "GET / HTTP/1.1\r\n" + h + "A: b\0c\r\n\r\n"s, 400},
      {"CR in value", "GET / HTTP/1.1\r\n" + h + "A: b\rc\r\n\r\n", 400},
      {"DEL in value", "GET / HTTP/1.1\r\n" + h + "A: b\x7f\r\n\r\n", 400},
      {"8-bit value", "GET / HTTP/1.1\r\n" + h + "A: \xc3\xa4\r\n\r\n", 200},
      {"two lengths", "POST / HTTP/1.1\r\n" + h + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"two equal lengths", "POST / HTTP/1.1\r\n" + h + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
      {"list of lengths", "POST / HTTP/1.1\r\n" + h + "Content-Length: 3, 3\r\n\r\n", 400},
      {"signed length", "POST / HTTP/1.1\r\n" + h + "Content-Length: +3\r\n\r\n", 400},
      {"negative length", "POST / HTTP/1.1\r\n" + h + "Content-Length: -3\r\n\r\n", 400},
      {"hex length", "POST / HTTP/1.1\r\n" + h + "Content-Length: 0x3\r\n\r\n", 400},
      {"empty length", "POST / HTTP/1.1\r\n" + h + "Content-Length:\r\n\r\n", 400},
      {"huge length", "POST / HTTP/1.1\r\n" + h + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"length and chunked", "POST / HTTP/1.1\r\n" + h + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"chunked and length", "POST / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
      {"chunked twice", "POST / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
      {"two transfer encodings", "POST / HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400},
      {"gzip, chunked", "POST / HTTP/1.1\r\n" + h + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"xchunked", "POST / HTTP/1.1\r\n" + h + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n", 400},
      {"unknown expectation", "POST / HTTP/1.1\r\n" + h + "Expect: magic\r\n\r\n", 417},
      {"two authorizations", "GET / HTTP/1.1\r\n" + h + "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {"long target", "GET /" + std::string(9000, 'a'), 414},
      {"long header", "GET / HTTP/1.1\r\nA: " + std::string(40000, 'a'), 431},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(status_of_head(c.text) == c.status);
  }
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  CHECK(status_of_head(many + "\r\n") == 431);
}

TEST_CASE("no bytes whatever make the reader fail in another way than by refusing") {
  const std::string seed =
      "POST /a?b=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: "
      "close\r\n\r\n";
  std::mt19937 random(7);
  int done = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = seed;
    for (unsigned edits = random() % 4; edits-- > 0;) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 8);
          break;
        default:
          text.insert(at, 1, "\r\n :,\0\x80"[random() % 7]);
      }
    }
    const Parsed p = parse(text);
    if (p.result == HeadParser::Result::done) {
      ++done;
      CHECK(!p.head.method().empty());
      CHECK(!(p.head.has_content_length() && p.head.chunked()));
    } else if (p.result == HeadParser::Result::refused) {
      CHECK(p.refusal.status >= 400);
    }
  }
  CHECK(done < 20000);
}
