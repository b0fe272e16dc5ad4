/// core/jobs/stored_rows.hpp: records as rows of any engine, each with a checksum over what decides about a run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/jobs/store.hpp"

namespace operon::jobs::rows {

/// Every query for a whole record selects these, in this order.
#define OPERON_RECORD_COLUMNS "id, record, json, checksum, cleanup"

std::string record_text(const JobRecord&);
int64_t checksum(std::string_view id, std::string_view record, std::string_view json);

struct RecordRow {
  std::string_view id, record, json;
  int64_t checksum = 0, cleanup = 0;
};
/// Throws Error(data_loss) naming the run when the row is not what was written.
JobRecord read_record(const RecordRow&);

std::string request_text(const kinds::job_runner::StartRequest&);
kinds::job_runner::StartRequest read_request(std::string_view text);

}  // namespace operon::jobs::rows
