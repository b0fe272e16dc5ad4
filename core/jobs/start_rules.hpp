/// core/jobs/start_rules.hpp: what every place that takes a start decides alike.
#pragma once

#include <string>

#include "core/jobs/jobs.hpp"
#include "operon/error.hpp"

namespace operon::jobs {

/// The request itself has been judged: asking again would not help, and nothing runs.
bool definite(Code);

/// What a repeated start is answered: the run that is there. Throws Error(failed_precondition) when it was asked for with other values.
Accepted repeat_of(const Job& known, const std::string& digest);

/// "no run starts", with who froze and how to go on.
Error frozen_error(const Freeze&);

/// Fills in what follows from the job: limits, names, the time.
void complete(StartCommand&, int64_t timeout_seconds_default, int64_t now_unix_ms);

}  // namespace operon::jobs
