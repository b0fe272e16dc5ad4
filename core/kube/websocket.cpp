#include "core/kube/websocket.hpp"

#include "operon/error.hpp"

namespace operon::kube {
namespace {

constexpr uint8_t last_part = 0x80, reserved = 0x70, masked = 0x80;

void append_length(std::string& frame, uint64_t bytes, uint8_t mask_bit) {
  int width = 0;
  if (bytes < 126) {
    frame += static_cast<char>(mask_bit | bytes);
  } else if (bytes <= 0xffff) {
    frame += static_cast<char>(mask_bit | 126);
    width = 2;
  } else {
    frame += static_cast<char>(mask_bit | 127);
    width = 8;
  }
  for (int i = width - 1; i >= 0; --i) frame += static_cast<char>(bytes >> (8 * i) & 0xff);
}

}  // namespace

std::string websocket_frame(Opcode opcode, std::string_view payload, uint32_t mask) {
  std::string frame;
  frame.reserve(payload.size() + 14);
  frame += static_cast<char>(last_part | static_cast<uint8_t>(opcode));
  append_length(frame, payload.size(), masked);
  char key[4];
  for (int i = 0; i < 4; ++i) key[i] = static_cast<char>(mask >> (8 * i) & 0xff);
  frame.append(key, 4);
  for (size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ key[i % 4]);
  return frame;
}

std::optional<WebsocketMessage> WebsocketReader::next() {
  while (true) {
    if (bytes_.size() < 2) return std::nullopt;
    const auto first = static_cast<uint8_t>(bytes_[0]), second = static_cast<uint8_t>(bytes_[1]);
    const auto opcode = static_cast<Opcode>(first & 0x0f);
    if ((first & reserved) != 0 || (second & masked) != 0) throw Error(Code::data_loss, "the server's WebSocket frames are not valid");
    size_t header = 2;
    uint64_t length = second & 0x7f;
    if (length >= 126) {
      const size_t width = length == 126 ? 2 : 8;
      if (bytes_.size() < header + width) return std::nullopt;
      length = 0;
      for (size_t i = 0; i < width; ++i) length = length << 8 | static_cast<uint8_t>(bytes_[header + i]);
      header += width;
    }
    const size_t before = begun_ ? begun_->payload.size() : 0;
    if (length > message_bytes_max || before + length > message_bytes_max) {
      throw Error(Code::resource_exhausted, "a WebSocket message of the server is larger than message_bytes_max");
    }
    if (bytes_.size() < header + length) return std::nullopt;
    std::string payload = bytes_.substr(header, length);
    bytes_.erase(0, header + length);
    if ((static_cast<uint8_t>(opcode) & 8) != 0) return WebsocketMessage{opcode, std::move(payload)};
    if ((opcode == Opcode::continuation) != begun_.has_value()) {
      throw Error(Code::data_loss, "the server's WebSocket frames are not in order");
    }
    if (!begun_) begun_ = WebsocketMessage{opcode, {}};
    begun_->payload += payload;
    if ((first & last_part) == 0) continue;
    auto whole = std::move(begun_);
    begun_.reset();
    return whole;
  }
}

}  // namespace operon::kube
