/// core/jobs/run_object.hpp: a run as an object of the API: `runs.operon.dev/v1alpha1` (docs/adr/0005, api/crd/bases/runs.yaml).
///
/// Pure: no I/O here.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/jobs/store.hpp"
#include "core/kube/object.hpp"
#include "core/kube/resource.hpp"

namespace operon::jobs {

inline constexpr const char* run_finalizer = "operon.dev/run";
inline constexpr const char* run_api_version = "operon.dev/v1alpha1";

const kube::Resource& run_resource();
/// What an informer keeps of a Run: all but its values, files and log.
kube::Trim run_trim();

/// When a condition last changed; 0 = it is not there.
struct RunConditions {
  int64_t accepted_ms = 0, started_ms = 0, ended_ms = 0;
};

/// A Run as this host remembers it.
struct RunRow {
  JobRecord record;
  std::string name, uid, resource_version;
  uint64_t version = 0;     ///< of resource_version
  int64_t generation = 0;   ///< of the spec
  bool applied = false;     ///< by hand or GitOps, not by REST: its job id is the uid
  bool accepted = false;    ///< its request is right and recorded
  bool stop_asked = false;  ///< spec.stop
  bool deleting = false;
  int64_t deleting_since_ms = 0;
  std::vector<std::string> finalizers;
  unsigned request_parts = 0;  ///< Secrets that hold what the spec refers to; made by REST
  std::string ignored;         ///< an annotation of ours that makes no sense, in words; empty = none
  RunConditions conditions;

  bool started() const { return conditions.started_ms != 0; }
  bool held() const;  ///< by our finalizer
  PageKey key() const { return {record.job.created_unix_ms, record.job.id}; }
};

/// Throws Error(invalid_argument) naming the member that makes no sense.
RunRow read_run(const nlohmann::json& run);

/// What a Run may hold in itself; the rest is in Secrets that belong to it.
struct RunObjectLimits {
  size_t value_bytes_max = 32u << 10;          ///< one variable
  size_t file_bytes_max = 96u << 10;           ///< one file
  size_t inline_bytes_max = 256u << 10;        ///< all of them together
  size_t request_part_bytes_max = 900u << 10;  ///< one Secret
};

/// A Run for a request that came by REST, and the Secrets that its spec refers to (without an owner: that is the Run, once it is there).
struct NewRun {
  std::shared_ptr<nlohmann::json> run;
  std::vector<std::shared_ptr<nlohmann::json>> secrets;
};
/// Throws Error(failed_precondition) for a file or value that no object can hold.
NewRun new_run(const JobRecord&, const PendingRequest&, const RunObjectLimits& = {});
/// Says in a Secret of a request whose it is.
void give(nlohmann::json& secret, const kinds::job_runner::Owner& run);

/// The Run of a record that is not there yet: its uid is a word for people.
kinds::job_runner::Owner owner_to_be(const JobRecord&);
/// For people, a list: the Run, then its Secrets, as they would be created in this order. Values in Secrets are masked; a file's content is
/// told by size and hash.
nlohmann::json shown_run(const NewRun&, const kinds::job_runner::Owner&, const PendingRequest&);

/// Name of the `index`-th of those Secrets, of which a Run has at most `request_parts_max`.
inline constexpr unsigned request_parts_max = 128;  // of a body of 32 MiB, two next to each other fill more than one Secret
std::string request_part_name(const std::string& job_id, unsigned index);

/// The merge patch of `status` that says what the record says. `started`: the runner has it. With the row's resourceVersion, so that of two
/// hosts that write one is refused.
nlohmann::json status_patch(const JobRecord&, bool started, const RunRow& row, int64_t now_ms);
/// The same for an applied Run that never becomes a run: its request is refused (Failed), or it was stopped before.
nlohmann::json refusal_patch(Phase, const std::string& reason, const std::string& message, const RunRow& row, int64_t now_ms);

/// Of the metadata: our finalizer set or taken off, the others left.
nlohmann::json finalizer_patch(const RunRow&, bool held);

/// The field manager that wrote it first; empty when it is not known.
std::string writer_of(const nlohmann::json& run);

}  // namespace operon::jobs
