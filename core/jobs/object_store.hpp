/// core/jobs/object_store.hpp: records of runs as Run objects, shared by every host of an installation.
///
/// Reading asks an index that follows the API server; writing goes to the API server. A status is written under the resourceVersion that
/// was read: a host that has been replaced meanwhile does not write over its successor.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/jobs/run_index.hpp"
#include "core/jobs/run_object.hpp"
#include "core/jobs/store.hpp"
#include "core/kube/client.hpp"

namespace operon::base {
class Clock;
}

namespace operon::jobs {

struct ObjectStoreLimits {
  RunObjectLimits objects;
  std::chrono::milliseconds call_ms_max{10'000};  ///< one request to the API server, attempts and waits included
  std::chrono::milliseconds sync_ms_max{15'000};
  size_t writes_queued_max = 20'000;  ///< runs whose state waits to be written
  size_t log_tail_bytes_max = 64u << 10;
};

/// How a Run says what is to be started: the same way that a body of POST goes. Blocks; throws Error, `definite` codes for good.
using RequestOf = std::function<PendingRequest(const nlohmann::json& run)>;

class ObjectStore final : public RunStore {
 public:
  /// On the client's thread, in the order of changes; quick. `before` absent = new, `now` absent = gone.
  using Changed = std::function<void(const RowPtr& before, const RowPtr& now)>;
  /// The log's last bytes, for the record.
  using TailOf = std::function<std::string(const std::string& id, size_t bytes_max)>;
  /// A Run that makes no sense: left out, and somebody should hear of it.
  using Skipped = std::function<void(const std::string& name, const std::string& uid, const Error&)>;

  ObjectStore(std::shared_ptr<kube::Client>, std::string name_space, base::Clock&, TailOf, ObjectStoreLimits = {});
  ~ObjectStore() override;

  /// Before start().
  void on_change(Changed);
  void on_skipped(Skipped);
  /// The freeze has been set, changed or lifted, by whatever host; on the client's thread.
  void on_freeze(std::function<void()>);
  void set_request_of(RequestOf);
  /// Begins to fill the index, without waiting.
  void begin();
  /// Fills the index, begun or not. Throws Error(unavailable) saying what is missing.
  void start();
  /// Nobody is told of changes any more when this returns.
  void stop();
  /// While `holds` says so, this host decides about the runs and writes their states; null: another host does. It is not asked any more
  /// when the next call has returned.
  void set_owner(std::function<bool()> holds);
  bool ours() const override;

  const std::string& name_space() const;
  RowPtr row(std::string_view id) const;
  /// The record of an accepted run that has not ended, as it is known now; asks nobody.
  std::optional<JobRecord> open_record(std::string_view id) const;
  RowPtr row_of_name(std::string_view name) const;
  std::vector<RowPtr> rows() const;  ///< newest first
  size_t waiting() const;            ///< runs that have neither started nor ended
  /// Newest first, ended or not, after `after`, at most `limit` (0 = all).
  std::vector<RowPtr> page(const JobFilter&, unsigned limit, const std::optional<PageKey>& after) const;
  /// The row, from the server when it is not known here. Throws Error.
  RowPtr find(std::string_view id) const;
  /// Blocks until `condition` holds for the run's row (null = gone); false at the end of `timeout`.
  bool wait(std::string_view id, std::chrono::milliseconds timeout, const std::function<bool(const RowPtr&)>& condition) const;
  /// JSON text of a list: what insert() would create, for people (shown_run). Throws Error as insert() does before it asks the server.
  std::string planned(const JobRecord&, const PendingRequest&) const;
  // Each is a request to the API server, blocks and throws Error.
  nlohmann::json read(const RunRow&) const;
  void ask_to_stop(const RunRow&);
  /// An applied Run ends before it was a run.
  void refuse(const RunRow&, Phase, const std::string& reason, const std::string& message);
  /// Why an applied Run is not accepted yet.
  void explain(const RunRow&, const std::string& message);
  void let_go(const RunRow&);

  bool insert(const JobRecord&, const PendingRequest&) override;
  void update(JobRecord, bool drop_request, Written) override;
  void update_now(const JobRecord&, bool drop_request) override;
  void set_cleanup(const std::string& id, Cleanup, Written) override;
  std::optional<JobRecord> get(std::string_view id) const override;
  std::optional<PendingRequest> pending(std::string_view id) const override;
  std::vector<JobRecord> not_ended() const override;
  PageRows ended_page(const JobFilter&, unsigned limit, const std::optional<PageKey>& after) const override;
  std::vector<JobRecord> to_clean(Cleanup, int64_t ended_before_ms, unsigned limit) const override;
  std::vector<JobRecord> past_retention(int64_t ended_before_ms, uint64_t kept_max, unsigned limit) const override;
  void remove(const std::vector<std::string>& ids) override;
  uint64_t revision_max() const override { return 0; }
  std::map<Phase, uint64_t> count_ended() const override;
  std::optional<kinds::job_runner::Owner> owner(std::string_view id) const override;
  /// `freeze` is in the ConfigMap operon-state, which all hosts read; what only one host counts is kept in memory.
  void set_meta(const std::string& key, const std::string& value) override;
  std::optional<std::string> meta(std::string_view key) const override;
  std::string trouble() const override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

inline constexpr const char* state_config_map = "operon-state";

}  // namespace operon::jobs
