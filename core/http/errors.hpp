/// core/http/errors.hpp: which status and which word an error has on the wire.
#pragma once

#include <string_view>

#include "core/http/message.hpp"
#include "operon/error.hpp"

namespace operon::http {

/// INVALID_ARGUMENT 400, FAILED_PRECONDITION and OUT_OF_RANGE 422, NOT_FOUND 404, ALREADY_EXISTS and ABORTED 409, RESOURCE_EXHAUSTED 429,
/// PERMISSION_DENIED 403, UNAUTHENTICATED 401, UNAVAILABLE 503, DEADLINE_EXCEEDED 504, UNIMPLEMENTED 501, the rest 500.
int status_of(Code) noexcept;

/// The `error` word that goes with a status: 404 -> "not_found", 413 -> "payload_too_large", 431 -> "bad_request", any unknown 5xx ->
/// "internal_error".
std::string_view word_of(int status) noexcept;

/// The whole answer, with Retry-After where the error carries it (and on 503).
Response to_response(const Error&);
/// The same for a fault that is behind us: UNAVAILABLE is 502.
Response to_gateway_response(const Error&);

/// An answer for a status of the protocol itself (400, 405, 408, 413 ...). 503 and 429 carry Retry-After: 1.
Response protocol_error(int status, std::string_view message);

}  // namespace operon::http
