#include "core/http/wire.hpp"

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timestamp.h>

#include <array>
#include <charconv>

#include "core/http/head.hpp"
#include "core/log/log.hpp"

namespace operon::http {

namespace {

constexpr size_t large_body_bytes = 64u << 10;

void append_number(std::string& out, uint64_t n) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), n).ptr;
  out.append(text.data(), end);
}

bool safe_value(std::string_view value) {
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && u != '\t') || u == 0x7f) return false;
  }
  return true;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_status_line(std::string& out, int status, bool http10) {
  out.append(http10 ? "HTTP/1.0 " : "HTTP/1.1 ");
  append_number(out, static_cast<uint64_t>(status));
  out += ' ';
  if (status == 200) {
    out.append("OK");
  } else {
    const auto code = static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status);
    out.append(Poco::Net::HTTPResponse::getReasonForStatus(code));
  }
  out.append("\r\n");
}

}  // namespace

std::string_view http_date() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    text = Poco::DateTimeFormatter::format(Poco::Timestamp::fromEpochTime(now), Poco::DateTimeFormat::HTTP_FORMAT);
    made = now;
  }
  return text;
}

void append_response(std::string& out, Response& r, const WireContext& c) {
  if (r.interim_status >= 100 && r.interim_status < 200 && r.interim_status != 101 && !c.http10) {
    append_status_line(out, r.interim_status, false);
    out.append("\r\n");
  }
  append_status_line(out, r.status, c.http10);
  append_field(out, "Date", http_date());
  const bool bodyless = r.status == 204 || r.status == 304 || r.status == 101 || c.framing == BodyFraming::none;
  if (!bodyless) {
    if (!r.content_type.empty() && (c.framing != BodyFraming::length || !r.body.empty())) append_field(out, "Content-Type", r.content_type);
    if (c.framing == BodyFraming::length) {
      out.append("Content-Length: ");
      append_number(out, r.body.size());
      out.append("\r\n");
    } else if (c.framing == BodyFraming::chunked) {
      out.append("Transfer-Encoding: chunked\r\n");
    }
  }
  for (const auto& [name, value] : r.headers) {
    if (is_token(name) && safe_value(value)) {
      append_field(out, name, value);
    } else {
      log::error("a handler made an illegal header field; it was left out", {{"name", name}});
    }
  }
  if (!c.request_id.empty()) append_field(out, "X-Request-Id", c.request_id);
  if (!c.allowed_origin.empty()) {
    append_field(out, "Access-Control-Allow-Origin", c.allowed_origin);
    append_field(out, "Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    append_field(out, "Vary", "Origin");
  }
  if (r.status != 101) {
    if (!c.keep_alive) {
      out.append("Connection: close\r\n");
    } else if (c.http10) {
      out.append("Connection: keep-alive\r\n");
    }
  }
  out.append("\r\n");
  if (bodyless || c.framing != BodyFraming::length || c.head_only) return;
  // Megabytes are moved, not copied into a buffer of their own, where whoever made them has left room for a head.
  if (r.body.size() >= large_body_bytes && r.body.capacity() - r.body.size() >= out.size()) {
    r.body.insert(0, out);
    out.swap(r.body);
  } else {
    out.append(r.body);
  }
}

void append_chunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  std::array<char, 24> size;
  const auto end = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16).ptr;
  out.append(size.data(), end).append("\r\n").append(data).append("\r\n");
}

}  // namespace operon::http
