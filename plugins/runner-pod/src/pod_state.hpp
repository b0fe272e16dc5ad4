/// pod_state.hpp: what a pod's object says of its run, in the words that people are told. Pure functions.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "operon/kinds/job_runner.hpp"

namespace operon::runner_pod {

inline constexpr const char* pod_deleted_words = "its pod was deleted";

/// All that is kept of a pod.
struct PodState {
  std::string job_id, name, uid;
  uint64_t version = 0;  ///< resourceVersion; 0 when it is no number
  kinds::job_runner::Phase phase = kinds::job_runner::Phase::pending;
  std::string message;
  std::optional<int64_t> start_unix_ms, end_unix_ms;
  std::optional<int> exit_code;
  bool container_began = false;  ///< there is a log
  bool container_ended = false;
  bool being_deleted = false;
  std::string taken_away;  ///< why the cluster, and no user, removes the pod; empty when it does not

  bool ended() const { return kinds::job_runner::terminal(phase); }
  /// The same to whoever looks at the run.
  bool same_as(const PodState& other) const {
    return uid == other.uid && phase == other.phase && message == other.message && exit_code == other.exit_code &&
           start_unix_ms == other.start_unix_ms && container_began == other.container_began && container_ended == other.container_ended;
  }
};

/// None for what is no pod of a run: its label krkn-job-id and its name are of one job there. Anybody may label a pod of his own.
std::optional<PodState> read_pod(const nlohmann::json& pod);

/// Why a pod that was deleted is there yet. `pod`: what its deletion was answered with.
std::string still_there_words(const std::string& name, const nlohmann::json& pod);

/// The run's end when its pod is gone: what was seen last, or that somebody deleted it.
PodState when_gone(PodState last, int64_t now_unix_ms);

}  // namespace operon::runner_pod
