/// operon/error.hpp: the one error type of host and plugins: a canonical code and words that say what, where and what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "operon/status.h"

namespace operon {

/// The canonical codes (gRPC's numbers), as in operon/status.h.
enum class Code : int32_t {
  ok = OPERON_OK,
  cancelled = OPERON_CANCELLED,
  unknown = OPERON_UNKNOWN,
  invalid_argument = OPERON_INVALID_ARGUMENT,
  deadline_exceeded = OPERON_DEADLINE_EXCEEDED,
  not_found = OPERON_NOT_FOUND,
  already_exists = OPERON_ALREADY_EXISTS,
  permission_denied = OPERON_PERMISSION_DENIED,
  resource_exhausted = OPERON_RESOURCE_EXHAUSTED,
  failed_precondition = OPERON_FAILED_PRECONDITION,
  aborted = OPERON_ABORTED,
  out_of_range = OPERON_OUT_OF_RANGE,
  unimplemented = OPERON_UNIMPLEMENTED,
  internal = OPERON_INTERNAL,
  unavailable = OPERON_UNAVAILABLE,
  data_loss = OPERON_DATA_LOSS,
  unauthenticated = OPERON_UNAUTHENTICATED,
};

/// An error on its way to whoever asked. `what()` is for people and never holds a secret.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}

  Code code() const noexcept { return code_; }

  /// A stable word for programs ("Unschedulable"); empty when there is none.
  const std::string& reason() const noexcept { return reason_; }
  /// The member or variable at fault ("environment.DURATION"); empty when it is none in particular.
  const std::string& field() const noexcept { return field_; }
  /// How long to wait before trying again, in milliseconds.
  std::optional<int64_t> retry_after_ms() const noexcept { return retry_after_ms_; }

  Error with_reason(std::string reason) && {
    reason_ = std::move(reason);
    return std::move(*this);
  }
  Error with_field(std::string field) && {
    field_ = std::move(field);
    return std::move(*this);
  }
  Error with_retry_after_ms(int64_t ms) && {
    retry_after_ms_ = ms;
    return std::move(*this);
  }

 private:
  Code code_;
  std::string reason_;
  std::string field_;
  std::optional<int64_t> retry_after_ms_;
};

}  // namespace operon
