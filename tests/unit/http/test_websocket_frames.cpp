#include <catch2/catch.hpp>

#include "core/http/websocket.hpp"

using namespace operon::http;

namespace {

std::string masked(uint8_t first, std::string_view payload) {
  std::string out{static_cast<char>(first)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size());
  }
  const char mask[4] = {1, 2, 3, 4};
  out.append(mask, 4);
  for (size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ mask[i % 4]);
  return out;
}

}  // namespace

TEST_CASE("lines become text messages, whatever they are made of") {
  LineFramer framer(10);
  std::string out;
  framer.feed("one\ntw", out);
  CHECK(out == std::string("\x81\x03one"));
  out.clear();
  framer.feed("o\n\n", out);
  CHECK(out == std::string("\x81\x03two\x81\0", 7));
  out.clear();
  framer.feed("\xff\xc3\n", out);
  CHECK(out == std::string("\x81\x06\xef\xbf\xbd\xef\xbf\xbd"));
  out.clear();
  framer.feed("123456789\xc3", out);  // not yet too long
  CHECK(out.empty());
  framer.feed("\xa4\xc3", out);  // cut before the torn character
  CHECK(out == std::string("\x01\x0b") + "123456789\xc3\xa4");
  out.clear();
  framer.feed("\xa4", out);
  framer.finish(out);
  CHECK(out == std::string("\x80\x02\xc3\xa4"));
}

TEST_CASE("frames of a client: pings are answered, rules are kept") {
  std::string out;
  FrameReader reader;
  const std::string good =
      masked(0x81, "hello") + masked(0x89, "p1") + masked(0x01, "a") + masked(0x89, "p2") + masked(0x80, "b") + masked(0x8a, "");
  for (const char c : good) REQUIRE(reader.feed({&c, 1}, out));
  CHECK(out == std::string("\x8a\x02p1\x8a\x02p2"));
  out.clear();
  CHECK_FALSE(reader.feed(masked(0x88,
                                 "\x03\xe8"
                                 "bye"),
                          out));
  CHECK(out == std::string("\x88\x02\x03\xe8"));

  auto close_code = [](const std::string& frames) {
    FrameReader r;
    std::string answer;
    if (r.feed(frames, answer)) return 0;
    return (static_cast<unsigned char>(answer[2]) << 8 | static_cast<unsigned char>(answer[3])) & 0xffff;
  };
  CHECK(close_code(std::string("\x81\x01x")) == 1002);  // not masked
  CHECK(close_code(masked(0xc1, "x")) == 1002);         // reserved bit
  CHECK(close_code(masked(0x83, "x")) == 1002);         // unknown opcode
  CHECK(close_code(masked(0x09, "x")) == 1002);         // ping in pieces
  CHECK(close_code(masked(0x80, "x")) == 1002);         // continues nothing
  CHECK(close_code(masked(0x01, "x") + masked(0x81, "y")) == 1002);
  CHECK(close_code(masked(0x89, std::string(126, 'x'))) == 1002);
  CHECK(close_code(std::string("\x81\xff\0\0\0\1\0\0\0\0", 10) + "mask") == 1009);
}
