/// core/rest/audit.hpp: one log line for every request that changes something, also for the ones that were refused, and for every request
/// that is refused because of its caller.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace operon::rest {

/// What a handler says of its mutation while it is at it.
struct Audit {
  std::string job;     ///< job id, when one is known
  std::string detail;  ///< what was asked, in a few words; no values of users
};

using AuditedHandler = std::function<http::Response(const http::Request&, Audit&)>;

/// Writes {"message":"audit","user","peer","method","path","detail","status","outcome"} when the handler has answered or thrown.
http::Handler audited(AuditedHandler);

/// The same line for a request that never reached its handler (401, 403). At most `refusals_per_second_max` (50) are written; how many were
/// not is said by operon_rest_refusals_unwritten_total.
void audit_refused(const http::Request&, int status, std::string_view why);

}  // namespace operon::rest
