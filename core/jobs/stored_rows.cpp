#include "core/jobs/stored_rows.hpp"

#include <zlib.h>

#include <nlohmann/json.hpp>

#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs::rows {
namespace {

using nlohmann::json;

template <class T>
void put(json& into, const char* key, const std::optional<T>& value) {
  if (value) into[key] = *value;
}

template <class T>
std::optional<T> take(const json& from, const char* key) {
  const auto found = from.find(key);
  if (found == from.end()) return std::nullopt;
  return found->get<T>();
}

Job read_job(const json& from) {
  Job job;
  job.id = from.at("id");
  job.target_id = from.at("targetId");
  job.provider = from.at("provider");
  job.cluster_name = from.at("clusterName");
  job.scenario_name = from.at("scenarioName");
  job.scenario_image = from.at("scenarioImage");
  job.runner = from.at("runner");
  job.registry = from.at("registry");
  job.user = from.at("user");
  job.digest = from.at("digest");
  job.validated = from.at("validated");
  job.phase = kinds::job_runner::phase_from_string(from.at("phase").get<std::string>());
  job.message = from.at("message");
  job.created_unix_ms = from.at("created");
  job.start_unix_ms = take<int64_t>(from, "start");
  job.end_unix_ms = take<int64_t>(from, "end");
  job.exit_code = take<int>(from, "exitCode");
  job.timeout_seconds = from.at("timeoutSeconds");
  job.stop_requested = from.at("stopRequested");
  job.revision = from.at("revision");
  return job;
}

}  // namespace

std::string record_text(const JobRecord& record) {
  const Job& job = record.job;
  json text = {{"id", job.id},
               {"targetId", job.target_id},
               {"provider", job.provider},
               {"clusterName", job.cluster_name},
               {"scenarioName", job.scenario_name},
               {"scenarioImage", job.scenario_image},
               {"runner", job.runner},
               {"registry", job.registry},
               {"user", job.user},
               {"digest", job.digest},
               {"validated", job.validated},
               {"phase", kinds::job_runner::to_string(job.phase)},
               {"message", job.message},
               {"created", job.created_unix_ms},
               {"timeoutSeconds", job.timeout_seconds},
               {"stopRequested", job.stop_requested},
               {"revision", job.revision},
               {"timedOut", record.timed_out}};
  put(text, "start", job.start_unix_ms);
  put(text, "end", job.end_unix_ms);
  put(text, "exitCode", job.exit_code);
  if (record.handle) text["handle"] = *record.handle;
  return text.dump(-1, ' ', false, json::error_handler_t::replace);
}

int64_t checksum(std::string_view id, std::string_view record, std::string_view text) {
  uLong sum = crc32(0, nullptr, 0);
  for (const auto part : {id, record, text}) sum = crc32(sum, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
  return static_cast<int64_t>(sum);
}

JobRecord read_record(const RecordRow& row) {
  const std::string id(row.id);
  if (checksum(row.id, row.record, row.json) != row.checksum) {
    throw Error(Code::data_loss, "the record of run " + id + " is damaged: its checksum does not match");
  }
  JobRecord record;
  record.json = row.json;
  record.cleanup = static_cast<Cleanup>(row.cleanup);
  try {
    const json text = json::parse(row.record);
    record.job = read_job(text);
    record.timed_out = text.value("timedOut", false);
    if (text.contains("handle")) record.handle = text["handle"].get<kinds::job_runner::Handle>();
  } catch (const json::exception& e) {
    throw Error(Code::data_loss, "the record of run " + id + " cannot be read: " + e.what());
  }
  return record;
}

std::string request_text(const kinds::job_runner::StartRequest& request) {
  return json(request).dump(-1, ' ', false, json::error_handler_t::replace);
}

kinds::job_runner::StartRequest read_request(std::string_view text) {
  try {
    return json::parse(text).get<kinds::job_runner::StartRequest>();
  } catch (const json::exception&) {  // its text could hold a secret
    throw Error(Code::data_loss, "a stored start request cannot be read");
  }
}

}  // namespace operon::jobs::rows
