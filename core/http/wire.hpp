/// core/http/wire.hpp: answers as bytes.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace operon::http {

enum class BodyFraming { length, chunked, until_close, none };

/// What decides an answer's head beside the Response itself.
struct WireContext {
  BodyFraming framing = BodyFraming::length;
  bool keep_alive = true;
  bool http10 = false;
  bool head_only = false;  ///< HEAD: the head of the same GET
  std::string_view request_id;
  std::string_view allowed_origin;  ///< for CORS; empty = none
};

/// Appends status line, header fields, and with framing `length` the body. Names and values that could split the answer are left out and
/// logged. May take the body out of the response.
void append_response(std::string& out, Response&, const WireContext&);

/// "Sun, 06 Nov 1994 08:49:37 GMT"; made once a second and thread.
std::string_view http_date();

/// Appends one chunk of chunked coding. Empty data appends nothing (an empty chunk would end the body).
void append_chunk(std::string& out, std::string_view data);

}  // namespace operon::http
