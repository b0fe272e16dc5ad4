/// core/http/websocket.hpp: RFC 6455 as a server that sends lines and listens only for control frames.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/head.hpp"

namespace operon::http {

/// Checks version and key. On success `accept` is the value of Sec-WebSocket-Accept.
Refusal websocket_handshake(const RequestHead&, std::string& accept);

enum class Opcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

void append_frame(std::string& out, Opcode, bool final, std::string_view payload);
void append_close(std::string& out, uint16_t code, std::string_view reason);
/// Valid UTF-8 as it is; what is not becomes U+FFFD.
void append_utf8(std::string& out, std::string_view text);

/// Cuts a text into lines and writes each as one text message without its newline. A line longer than `line_bytes_max` goes out as a
/// fragmented message.
class LineFramer {
 public:
  explicit LineFramer(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}
  void feed(std::string_view data, std::string& out);
  /// The last line when it has no end.
  void finish(std::string& out);

 private:
  void emit(std::string_view piece, bool final, std::string& out);

  size_t line_bytes_max_;
  std::string line_;
  bool in_message_ = false;
};

/// Reads what the client sends. Data messages are read over; pings are answered; close is answered and ends it.
class FrameReader {
 public:
  /// Appends answers to `out`. False: the connection is over (a close frame has been appended, if one is due).
  bool feed(std::string_view input, std::string& out);

 private:
  bool header(std::string& out);
  bool control(std::string& out);
  bool fail(uint16_t code, std::string_view reason, std::string& out);

  std::string head_;  // 2 to 14 bytes of the frame's head
  size_t head_needed_ = 2;
  uint64_t remaining_ = 0, taken_ = 0, message_bytes_ = 0;
  uint8_t opcode_ = 0;
  bool in_payload_ = false, final_ = true, in_message_ = false;
  char mask_[4] = {};
  std::string control_;  // payload of a control frame, unmasked
};

}  // namespace operon::http
