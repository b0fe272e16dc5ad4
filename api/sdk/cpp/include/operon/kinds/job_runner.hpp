/// operon/kinds/job_runner.hpp: requests and answers of `operon.job-runner/1`, for host and plugins alike.
/// The JSON form is api/schemas/operon.job-runner.v1.json; unknown members are ignored, absent optionals omitted.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace operon::kinds::job_runner {

inline constexpr const char* id = "operon.job-runner/1";

/// Names of the verbs. `validate` and `plan` are optional and have no effect: the one refuses what `start` would refuse, the other shows
/// what it would make.
namespace verb {
inline constexpr const char* validate = "validate";
inline constexpr const char* plan = "plan";
inline constexpr const char* start = "start";
inline constexpr const char* list = "list";
inline constexpr const char* inspect = "inspect";
inline constexpr const char* logs = "logs";
inline constexpr const char* stop = "stop";
inline constexpr const char* recover = "recover";
inline constexpr const char* destroy = "destroy";
}  // namespace verb

/// What `notify(kind, key)` says when a run changed: kind "job", key = job id.
inline constexpr const char* notify_kind = "job";

/// Opaque to the host, stored with the job and given back: how a runner finds its run again.
struct Handle {
  int version = 1;
  std::string state;  ///< the runner's own words, at most 4 KiB
};

/// A run's file. The bytes are read through the call's blob `blob`.
struct File {
  std::string name;
  std::string mount_path;  ///< absolute
  std::string blob;        ///< handle for blob_read
  uint64_t size = 0;       ///< bytes
  std::string sha256;      ///< lower-case hex
};

struct Target {
  std::string id;        ///< uuid of the target request
  std::string provider;  ///< instance name
  std::string cluster_name;
  std::string cluster_api_url;
  std::optional<std::string> kubeconfig;  ///< YAML text, self-contained; absent for a target without one
};

struct PullCredentials {
  std::string registry_url, repository, username, password, token;
  bool skip_tls = false, insecure = false;
};

/// The Kubernetes object that a run belongs to: what a runner creates in the same namespace goes when it goes.
struct Owner {
  std::string api_version, kind, name, uid;
};

/// `start` and `validate`. Idempotent by job_id: a second start of the same id starts nothing.
struct StartRequest {
  std::string job_id;
  std::string object_name;  ///< "krkn-job-<job_id>": the name of whatever the runner creates
  Target target;
  std::string scenario_name;
  std::string scenario_image;                   ///< "dir://NAME" or a container image reference
  std::string scenario_run;                     ///< JSON text of the registry's opaque `run` part; empty when there is none
  std::vector<std::string> declared_variables;  ///< variables of the scenario's fields and globals
  bool variables_known = false;                 ///< false: the scenario's fields are unknown, declared_variables says nothing
  std::map<std::string, std::string> environment;
  std::vector<std::string> secret_variables;  ///< names in `environment` whose values are secret
  std::string kubeconfig_path;
  std::vector<File> files;
  std::optional<PullCredentials> pull;
  int64_t timeout_seconds = 0;  ///< 0 = the runner's default
  std::optional<Owner> owner;
};

/// Phases as the contract words them.
enum class Phase { pending, running, succeeded, failed, stopped };

/// The truth about one run as its runner sees it; the answer of start, inspect, stop and recover, and the items of list.
struct RunState {
  std::string job_id;
  std::optional<Handle> handle;
  Phase phase = Phase::pending;
  std::optional<int64_t> start_unix_ms;
  std::optional<int64_t> end_unix_ms;
  std::optional<int> exit_code;
  std::string message;  ///< for people; empty when there is nothing to say
};

/// Of `plan`, which is asked with a StartRequest whose secret values, kubeconfig and credentials are masked, and without the files' bytes:
/// nothing that it answers can tell them.
struct Plan {
  std::string objects;  ///< JSON text of a list: the objects that `start` would make, as in manifests
};

/// `list`: all runs that exist, whoever started them; items RunState.
struct ListRequest {};

/// `inspect`, `recover`, `destroy`: NOT_FOUND when nothing of that id was ever started (or all of it is gone).
struct RunRequest {
  std::string job_id;
  std::optional<Handle> handle;
};

/// `stop`: ends the run and everything it started; answers when that is so. Idempotent.
struct StopRequest {
  std::string job_id;
  std::optional<Handle> handle;
  int64_t grace_seconds = 5;
};

/// `logs`: emits OPERON_STREAM_STDOUT chunks from `offset` (bytes since the run's first byte), each group preceded by an
/// OPERON_STREAM_EVENT LogEvent where time is known or bytes are missing. With `follow` it ends when the run has ended and all is read.
struct LogsRequest {
  std::string job_id;
  std::optional<Handle> handle;
  uint64_t offset = 0;
  bool follow = false;
};

/// Says something about the bytes that come after it.
struct LogEvent {
  std::optional<uint64_t> offset;  ///< where the next byte stands; past the expected one, the bytes between are lost
  std::optional<int64_t> unix_ms;  ///< when the next bytes were written
};

struct LogsAnswer {
  uint64_t end_offset = 0;
};

// Defined in job_runner_json.hpp, as are the conversions below: include it where they are used.
inline const char* to_string(Phase);                 ///< "Pending" ...
inline Phase phase_from_string(const std::string&);  ///< throws Error(invalid_argument)
inline bool terminal(Phase p) {
  return p == Phase::succeeded || p == Phase::failed || p == Phase::stopped;
}

inline void to_json(nlohmann::json&, const Handle&);
inline void from_json(const nlohmann::json&, Handle&);
inline void to_json(nlohmann::json&, const StartRequest&);
inline void from_json(const nlohmann::json&, StartRequest&);
inline void to_json(nlohmann::json&, const RunState&);
inline void from_json(const nlohmann::json&, RunState&);
inline void to_json(nlohmann::json&, const Plan&);
inline void from_json(const nlohmann::json&, Plan&);
inline void to_json(nlohmann::json&, const ListRequest&);
inline void from_json(const nlohmann::json&, ListRequest&);
inline void to_json(nlohmann::json&, const RunRequest&);
inline void from_json(const nlohmann::json&, RunRequest&);
inline void to_json(nlohmann::json&, const StopRequest&);
inline void from_json(const nlohmann::json&, StopRequest&);
inline void to_json(nlohmann::json&, const LogsRequest&);
inline void from_json(const nlohmann::json&, LogsRequest&);
inline void to_json(nlohmann::json&, const LogEvent&);
inline void from_json(const nlohmann::json&, LogEvent&);
inline void to_json(nlohmann::json&, const LogsAnswer&);
inline void from_json(const nlohmann::json&, LogsAnswer&);

}  // namespace operon::kinds::job_runner
