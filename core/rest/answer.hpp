/// core/rest/answer.hpp: what all routes share on the way out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/http/message.hpp"
#include "operon/error.hpp"

namespace operon::rest {

/// The handler with a barrier: whatever it throws becomes the error body of the contract.
http::Handler guarded(http::Handler);

/// An error whose words may be a plugin's, without secrets; everything else of it stays.
Error scrubbed(const Error&);

/// One line of JSON; bytes that are no UTF-8 (a plugin's) are replaced rather than losing the answer.
http::Response json_answer(int status, const nlohmann::json&);
std::string json_text(const nlohmann::json&);

}  // namespace operon::rest
