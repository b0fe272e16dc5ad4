/// core/rest/audit.hpp: one log line for every request that changes something, also for the ones that were refused.
#pragma once

#include <functional>
#include <string>

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

}  // namespace operon::rest
