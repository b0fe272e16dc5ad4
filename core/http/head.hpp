/// core/http/head.hpp: the request line and header fields, read strictly (RFC 9112) and without copying.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/server.hpp"

namespace operon::http {

/// What is wrong with a request on the level of the protocol: the status and the words of the answer. The connection is closed after it.
struct Refusal {
  int status = 0;  ///< 0 = nothing
  const char* message = "";
};

/// A request head. Holds offsets into the bytes that it was read from, so that it survives a move of those bytes (`rebase`).
class RequestHead {
 public:
  std::string_view method() const noexcept { return text(method_); }
  std::string_view target() const noexcept { return text(target_); }
  int minor_version() const noexcept { return minor_version_; }
  /// Case-insensitive; null data when absent. Several fields of one name: the first.
  std::string_view header(std::string_view name) const noexcept;
  std::string_view host() const noexcept { return known(host_); }
  std::string_view origin() const noexcept { return known(origin_); }
  std::string_view authorization() const noexcept { return known(authorization_); }
  std::string_view request_id() const noexcept { return known(request_id_); }
  bool has_content_length() const noexcept { return has_content_length_; }
  uint64_t content_length() const noexcept { return content_length_; }
  bool chunked() const noexcept { return chunked_; }
  bool keep_alive() const noexcept { return keep_alive_; }
  bool expects_continue() const noexcept { return expects_continue_; }
  bool wants_websocket() const noexcept { return connection_upgrade_ && upgrade_websocket_; }
  bool is_head() const noexcept { return method() == "HEAD"; }
  size_t bytes() const noexcept { return bytes_; }  ///< length of the head with its empty line
  void rebase(const char* base) noexcept { base_ = base; }

 private:
  friend class HeadParser;
  struct Span {
    uint32_t at = 0, length = 0;
  };
  struct Field {
    Span name, value;
  };
  std::string_view text(Span s) const noexcept { return {base_ + s.at, s.length}; }
  std::string_view known(int index) const noexcept {
    return index < 0 ? std::string_view{} : text(fields_[static_cast<size_t>(index)].value);
  }

  Span span(std::string_view) const noexcept;
  Refusal read_line(std::string_view input, const ServerLimits&, size_t& at);
  Refusal read_fields(std::string_view input, size_t at);
  Refusal note(std::string_view name, std::string_view value, int index);  ///< what a field means for framing and access
  Refusal check();                                                         ///< what the fields mean together

  const char* base_ = nullptr;
  Span method_, target_;
  std::vector<Field> fields_;
  uint64_t content_length_ = 0;
  size_t bytes_ = 0;
  int minor_version_ = 1, host_ = -1, origin_ = -1, authorization_ = -1, request_id_ = -1;
  bool has_content_length_ = false, chunked_ = false, has_transfer_encoding_ = false, keep_alive_ = true, expects_continue_ = false,
       connection_close_ = false, connection_keep_alive_ = false, connection_upgrade_ = false, upgrade_websocket_ = false;
};

/// Finds the end of a head in bytes that arrive piecemeal, looking at each byte once, then reads it.
class HeadParser {
 public:
  enum class Result { incomplete, done, refused };
  /// `input` is all that has arrived of this request and begins at its first byte. On `done` the head refers to `input`.
  Result parse(std::string_view input, const ServerLimits&, RequestHead&, Refusal&);
  void reset() noexcept { scanned_ = line_start_ = lines_ = 0; }

 private:
  Result scan(std::string_view input, const ServerLimits&, Refusal&);

  size_t scanned_ = 0, line_start_ = 0, lines_ = 0;
};

bool equals_ignoring_case(std::string_view, std::string_view) noexcept;
bool is_token(std::string_view) noexcept;  ///< of RFC 9110: what a method and a field name are made of

}  // namespace operon::http
