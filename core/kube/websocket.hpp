/// core/kube/websocket.hpp: WebSocket messages as a client writes and reads them (RFC 6455). No I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace operon::kube {

enum class Opcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// One whole message, masked with `mask` as a client has to.
std::string websocket_frame(Opcode, std::string_view payload, uint32_t mask);

struct WebsocketMessage {
  Opcode opcode;
  std::string payload;
};

/// Puts messages together out of bytes that come in any pieces. Not thread-safe.
class WebsocketReader {
 public:
  static constexpr size_t message_bytes_max = 4u << 20;

  void feed(std::string_view bytes) { bytes_ += bytes; }
  /// The next whole message; control messages may come between the parts of another one. Throws Error(data_loss) for what is no frame of a
  /// server, Error(resource_exhausted) for a message larger than `message_bytes_max`.
  std::optional<WebsocketMessage> next();

 private:
  std::string bytes_;
  std::optional<WebsocketMessage> begun_;
};

}  // namespace operon::kube
