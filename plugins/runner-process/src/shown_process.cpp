#include "shown_process.hpp"

#include <nlohmann/json.hpp>

#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/spec.hpp"

namespace operon::runner_process {

namespace keys = run_folder::spec;
using nlohmann::json;

namespace {

constexpr const char* kubeconfig_content = "***";

/// Before and after the first `separator`.
std::pair<std::string, std::string> halves(const std::string& text, char separator) {
  const auto at = text.find(separator);
  return at == text.npos ? std::pair(text, std::string()) : std::pair(text.substr(0, at), text.substr(at + 1));
}

double seconds(const std::string& milliseconds) {
  return static_cast<double>(std::stoll(milliseconds)) / 1000;
}

/// Every record of the spec has its place; one that is new is told by its own name.
void put(const SpecRecord& record, json& spec) {
  const auto& [key, value] = record;
  if (key == keys::version || key == keys::token || key == keys::secret_file) return;  // how it is written; in `environment`; in `files`
  if (key == keys::argument) {
    spec["argv"].push_back(value);
  } else if (key == keys::revert_argument) {
    spec["revert"]["argv"].push_back(value);
  } else if (key == keys::revert_always) {
    spec["revert"]["always"] = true;
  } else if (key == keys::revert_limit_ms) {
    if (spec.contains("revert")) spec["revert"]["timeLimitSeconds"] = seconds(value);
  } else if (key == keys::environment) {
    const auto [name, text] = halves(value, '=');
    spec["environment"][name] = text;
  } else if (key == keys::time_limit_ms) {
    spec["timeLimitSeconds"] = seconds(value);
  } else if (key == keys::grace_ms) {
    spec["graceSeconds"] = seconds(value);
  } else if (key == keys::segment_bytes) {
    spec["log"]["segmentBytes"] = std::stoull(value);
  } else if (key == keys::log_bytes_max) {
    spec["log"]["bytesMax"] = std::stoull(value);
  } else if (key == keys::limit) {
    const auto [number, most] = halves(value, ' ');
    const auto name = limit_name(std::stoi(number));
    spec["limits"][name.empty() ? number : name] = std::stoll(most);
  } else if (key == keys::cgroup) {
    spec["cgroup"]["folder"] = value;
  } else if (key == keys::cgroup_setting) {
    const auto [name, setting] = halves(value, ' ');
    spec["cgroup"][name] = setting;
  } else {
    spec[std::string(key)] = value;
  }
}

json shown_file(const PlannedFile& file, const std::string& root) {
  json shown = {{"path", root + "/" + file.path}};
  if (file.blob.empty()) {
    shown["content"] = kubeconfig_content;
  } else {
    shown["size"] = file.size;
    shown["sha256"] = file.sha256;
  }
  return shown;
}

}  // namespace

json shown_process(const std::string& job_id, const std::string& name, const std::vector<std::string>& supervisor,
                   const std::string& folder, const Plan& plan, const std::vector<SpecRecord>& records) {
  json spec = {{"supervisor", supervisor}, {"folder", folder}};
  for (const auto& record : records) put(record, spec);
  for (const auto& file : plan.files) spec["files"].push_back(shown_file(file, folder + "/" + run_folder::root_folder));
  return {{"apiVersion", "runner-process/v1"},
          {"kind", "Process"},
          {"metadata", {{"name", name}, {"labels", {{"krkn-job-id", job_id}}}}},
          {"spec", std::move(spec)}};
}

}  // namespace operon::runner_process
