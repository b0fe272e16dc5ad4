#include "core/http/websocket.hpp"

#include <Poco/SHA1Engine.h>

#include <algorithm>

#include "core/base/text.hpp"

namespace operon::http {

namespace {

constexpr uint64_t message_bytes_max = 64u << 10;  // nobody has anything to tell us that is longer

/// Length of the UTF-8 sequence at the front of `s`: 0 when it is invalid, -1 when it is cut short.
int utf8_length(std::string_view s) {
  const auto b = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned c = b(0);
  if (c < 0x80) return 1;
  const int n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
  for (int i = 1; i < n; ++i) {
    if (static_cast<size_t>(i) >= s.size()) return -1;
    unsigned low = 0x80, high = 0xbf;
    if (i == 1 && c == 0xe0) low = 0xa0;
    if (i == 1 && c == 0xed) high = 0x9f;
    if (i == 1 && c == 0xf0) low = 0x90;
    if (i == 1 && c == 0xf4) high = 0x8f;
    if (b(static_cast<size_t>(i)) < low || b(static_cast<size_t>(i)) > high) return 0;
  }
  return n;
}

/// Where a text may be cut so that no character is torn: at or a little before its end.
size_t whole_characters(std::string_view s) {
  for (size_t back = 1; back <= 3 && back <= s.size(); ++back) {
    const auto c = static_cast<unsigned char>(s[s.size() - back]);
    if (c < 0x80) return s.size();
    if (c >= 0xc0) return utf8_length(s.substr(s.size() - back)) == -1 ? s.size() - back : s.size();
  }
  return s.size();
}

}  // namespace

Refusal websocket_handshake(const RequestHead& head, std::string& accept) {
  if (head.method() != "GET" || head.minor_version() == 0) return {400, "a WebSocket begins with GET and HTTP/1.1"};
  if (head.header("sec-websocket-version") != "13") return {426, "the only WebSocket version that this server speaks is 13"};
  const std::string_view key = head.header("sec-websocket-key");
  const auto raw = key.size() == 24 ? base::base64_decode(key) : std::nullopt;
  if (!raw || raw->size() != 16) return {400, "Sec-WebSocket-Key is not 16 bytes in base64"};
  Poco::SHA1Engine sha1;
  sha1.update(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  const auto& digest = sha1.digest();
  accept = base::base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
  return {};
}

void append_frame(std::string& out, Opcode opcode, bool final, std::string_view payload) {
  out += static_cast<char>((final ? 0x80 : 0) | static_cast<uint8_t>(opcode));
  const uint64_t n = payload.size();
  if (n < 126) {
    out += static_cast<char>(n);
  } else {
    const int bytes = n <= 0xffff ? 2 : 8;
    out += static_cast<char>(bytes == 2 ? 126 : 127);
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(n >> (8 * i));
  }
  out.append(payload);
}

void append_close(std::string& out, uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  payload.append(reason.substr(0, 120));
  append_frame(out, Opcode::close, true, payload);
}

void append_utf8(std::string& out, std::string_view text) {
  if (base::is_utf8(text)) {
    out.append(text);
    return;
  }
  while (!text.empty()) {
    const int n = utf8_length(text);
    if (n > 0) {
      out.append(text.substr(0, static_cast<size_t>(n)));
      text.remove_prefix(static_cast<size_t>(n));
    } else {
      out.append("\xef\xbf\xbd");
      text.remove_prefix(1);
    }
  }
}

void LineFramer::emit(std::string_view piece, bool final, std::string& out) {
  const Opcode opcode = in_message_ ? Opcode::continuation : Opcode::text;
  if (base::is_utf8(piece)) {
    append_frame(out, opcode, final, piece);
  } else {
    std::string clean;
    append_utf8(clean, piece);
    append_frame(out, opcode, final, clean);
  }
  in_message_ = !final;
}

void LineFramer::feed(std::string_view data, std::string& out) {
  while (!data.empty()) {
    const size_t end = data.find('\n');
    if (end != std::string_view::npos) {
      if (line_.empty()) {
        emit(data.substr(0, end), true, out);
      } else {
        line_.append(data.substr(0, end));
        emit(line_, true, out);
        std::string().swap(line_);  // thousands of idle followers keep no buffer
      }
      data.remove_prefix(end + 1);
      continue;
    }
    line_.append(data);
    data = {};
    if (line_.size() > line_bytes_max_) {
      const size_t cut = whole_characters(line_);
      emit(std::string_view(line_).substr(0, cut), false, out);
      line_.erase(0, cut);
    }
  }
}

void LineFramer::finish(std::string& out) {
  if (!line_.empty() || in_message_) emit(line_, true, out);
  line_.clear();
}

bool FrameReader::fail(uint16_t code, std::string_view reason, std::string& out) {
  append_close(out, code, reason);
  return false;
}

/// The head is whole: what does it say?
bool FrameReader::header(std::string& out) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(head_[i]); };
  final_ = (byte(0) & 0x80) != 0;
  opcode_ = byte(0) & 0x0f;
  const bool is_control = opcode_ >= 8;
  if ((byte(0) & 0x70) != 0) return fail(1002, "reserved bits are set", out);
  if ((byte(1) & 0x80) == 0) return fail(1002, "frames of a client must be masked", out);
  if ((opcode_ > 2 && opcode_ < 8) || opcode_ > 10) return fail(1002, "unknown opcode", out);
  const unsigned short_length = byte(1) & 0x7f;
  if (is_control && (!final_ || short_length > 125)) return fail(1002, "a control frame is too long or in pieces", out);
  remaining_ = short_length;
  size_t at = 2;
  if (short_length >= 126) {
    remaining_ = 0;
    for (const size_t end = at + (short_length == 126 ? 2u : 8u); at < end; ++at) remaining_ = remaining_ << 8 | byte(at);
  }
  if (!is_control) {
    if ((opcode_ == 0) != in_message_) return fail(1002, "a message is continued that was not begun, or the other way round", out);
    if (opcode_ != 0) message_bytes_ = 0;
    if (remaining_ > message_bytes_max || message_bytes_ + remaining_ > message_bytes_max)
      return fail(1009, "the message is too long", out);
    message_bytes_ += remaining_;
    in_message_ = !final_;
  }
  std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(at), 4, mask_);
  taken_ = 0;
  control_.clear();
  in_payload_ = true;
  return true;
}

bool FrameReader::control(std::string& out) {
  if (opcode_ == static_cast<uint8_t>(Opcode::ping)) {
    append_frame(out, Opcode::pong, true, control_);
  } else if (opcode_ == static_cast<uint8_t>(Opcode::close)) {
    // The peer's code comes back to it; nothing but a code, since its reason need not be text.
    append_frame(out, Opcode::close, true, std::string_view(control_).substr(0, control_.size() >= 2 ? 2 : 0));
    return false;
  }
  return true;
}

bool FrameReader::feed(std::string_view input, std::string& out) {
  while (true) {
    if (in_payload_) {
      const size_t n = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
      if (opcode_ >= 8) {
        for (size_t i = 0; i < n; ++i) control_ += static_cast<char>(input[i] ^ mask_[(taken_ + i) % 4]);
      }
      taken_ += n;
      remaining_ -= n;
      input.remove_prefix(n);
      if (remaining_ > 0) return true;
      in_payload_ = false;
      head_.clear();
      head_needed_ = 2;
      if (opcode_ >= 8 && !control(out)) return false;
    }
    if (input.empty()) return true;
    head_ += input.front();
    input.remove_prefix(1);
    if (head_.size() == 2) {
      const unsigned n = static_cast<unsigned char>(head_[1]) & 0x7f;
      const bool masked = (static_cast<unsigned char>(head_[1]) & 0x80) != 0;
      // Without a mask the frame is refused at once, whatever follows.
      head_needed_ = masked ? 6u + (n == 126 ? 2u : n == 127 ? 8u : 0u) : 2u;
    }
    if (head_.size() == head_needed_ && head_.size() >= 2 && !header(out)) return false;
  }
}

}  // namespace operon::http
