#include "core/kube/websocket.hpp"

#include <catch2/catch.hpp>

#include "core/kube/exec.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::kube;
using namespace std::string_literals;

namespace {

/// As a server writes it: without a mask.
std::string from_server(uint8_t first, const std::string& payload) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame += static_cast<char>(payload.size());
  } else if (payload.size() <= 0xffff) {
    frame += {126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)};
  } else {
    frame += "\x7f\0\0\0\0"s;
    for (int i = 3; i >= 0; --i) frame += static_cast<char>(payload.size() >> (8 * i) & 0xff);
  }
  return frame + payload;
}

}  // namespace

TEST_CASE("frames of a client are masked") {
  CHECK(websocket_frame(Opcode::text, "Hello", 0x3d21fa37) == "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);  // RFC 6455, 5.7
  CHECK(websocket_frame(Opcode::binary, std::string(200, 'a'), 0).substr(0, 4) == "\x82\xfe\x00\xc8"s);
  CHECK(websocket_frame(Opcode::binary, std::string(70'000, 'a'), 0).substr(0, 10) == "\x82\xff\0\0\0\0\0\x01\x11\x70"s);
}

TEST_CASE("messages are put together wherever their bytes end, with others between their parts") {
  const std::string bytes = from_server(0x02, "one ") + from_server(0x89, "ping") + from_server(0x80, "whole") +
                            from_server(0x82, std::string(300, 'x')) + from_server(0x82, std::string(70'000, 'y'));
  for (const size_t step : {size_t{1}, size_t{7}, bytes.size()}) {
    WebsocketReader reader;
    std::vector<std::string> seen;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(std::string_view(bytes).substr(at, step));
      while (auto message = reader.next()) seen.push_back(message->payload);
    }
    REQUIRE(seen.size() == 4);
    CHECK(seen[0] == "ping");
    CHECK(seen[1] == "one whole");
    CHECK(seen[2].size() == 300);
    CHECK(seen[3].size() == 70'000);
  }
}

TEST_CASE("what is no frame of a server, or too large a one, is refused") {
  for (const auto& bytes : {"\x82\x81\0\0\0\0a"s, "\xc2\x01x"s, from_server(0x80, "no beginning"),
                            from_server(0x02, "a") + from_server(0x82, "b"), "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"s}) {
    WebsocketReader reader;
    reader.feed(bytes);
    CHECK_THROWS_AS((reader.next(), reader.next()), Error);
  }
}

TEST_CASE("the status channel tells the exit code") {
  CHECK(exit_code_of(R"({"metadata":{},"status":"Success"})", "exec") == 0);
  CHECK(exit_code_of(R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"42"}]}})",
                     "exec") == 42);
  CHECK_THROWS_AS(exit_code_of(R"({"status":"Failure","reason":"InternalError","message":"no such program"})", "exec"), Error);
  CHECK_THROWS_AS(exit_code_of("", "exec"), Error);
  CHECK_THROWS_AS(exit_code_of("[]", "exec"), Error);
}
