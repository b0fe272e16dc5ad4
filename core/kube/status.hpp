/// core/kube/status.hpp: the API server's way to say no, as our errors.
#pragma once

#include <string>
#include <string_view>

#include "core/kube/client.hpp"
#include "operon/error.hpp"

namespace operon::kube {

/// The error that an answer other than 2xx tells: code from status and reason, the server's message, `reason()` the server's word
/// ("AlreadyExists", "Conflict", "Expired", "Forbidden"), `field()` the first cause's field, Retry-After from the header or the body.
/// `what` says what was tried ("create pods operon/job-1"). Bodies that are no metav1.Status give their first words.
Error error_of(const Response&, const std::string& what);
/// The same from the text of a metav1.Status alone: the object of a watch's ERROR event.
Error error_of_status(std::string_view status_json, const std::string& what);

bool is_reason(const Error&, std::string_view reason);
bool is_not_found(const Error&);
bool is_already_exists(const Error&);
bool is_conflict(const Error&);
/// The resourceVersion or continue token is too old: list anew.
bool is_expired(const Error&);

}  // namespace operon::kube
