#include "core/jobs/start_rules.hpp"

namespace operon::jobs {

bool definite(Code code) {
  switch (code) {
    case Code::unavailable:
    case Code::deadline_exceeded:
    case Code::cancelled:
    case Code::internal:
    case Code::unknown:
    case Code::aborted:
    case Code::resource_exhausted:
      return false;
    default:
      return true;
  }
}

Accepted repeat_of(const Job& known, const std::string& digest) {
  if (known.digest != digest) {
    throw Error(Error(Code::failed_precondition,
                      "this idempotency key belongs to run " + known.id + ", which was asked for with other values: use another key")
                    .with_reason("IdempotencyKeyReused"));
  }
  return {known, true};
}

Error frozen_error(const Freeze& freeze) {
  return Error(Error(Code::unavailable, who_froze(freeze) + "; no run starts until `operonctl unfreeze`").with_reason("Frozen"));
}

void complete(StartCommand& command, int64_t timeout_seconds_default, int64_t now_unix_ms) {
  Job& job = command.job;
  if (job.timeout_seconds <= 0) job.timeout_seconds = timeout_seconds_default;
  command.request.timeout_seconds = job.timeout_seconds;
  command.request.job_id = job.id;
  command.request.object_name = job.pod_name();
  if (job.created_unix_ms == 0) job.created_unix_ms = now_unix_ms;
  job.phase = Phase::pending;
}

}  // namespace operon::jobs
