/// core/jobs/store.hpp: where runs, their unsent requests and plugins' keys are kept. One schema, several engines, one table of tests over
/// each.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/job.hpp"
#include "operon/error.hpp"
#include "operon/kinds/job_runner.hpp"

namespace operon::jobs {

/// What is left to do for a run that has ended.
enum class Cleanup {
  log = 0,     ///< the log is not archived yet; the runner still has the run
  runner = 1,  ///< archived; the runner still has the run
  none = 2,
};

/// A run as it is stored: the job, and what only the job table needs to know.
struct JobRecord {
  Job job;
  std::optional<kinds::job_runner::Handle> handle;
  bool timed_out = false;  ///< the stop that is latched is the time limit's
  Cleanup cleanup = Cleanup::log;
  std::string json;  ///< the contract's form, rendered when the record was written
};

using Blobs = std::map<std::string, std::shared_ptr<const std::string>>;

/// A start that its runner has not confirmed; holds secrets, so it goes as soon as the run has started or ended.
struct PendingRequest {
  kinds::job_runner::StartRequest request;
  Blobs blobs;
};

/// A place in the newest-first order.
struct PageKey {
  int64_t created_unix_ms = 0;
  std::string id;
  auto operator<=>(const PageKey&) const = default;  // NOLINT(modernize-use-nullptr): the comparison with 0 is the compiler's own
};

struct PageRow {
  PageKey key;
  std::string json;
};

using PageRows = std::shared_ptr<const std::vector<PageRow>>;  ///< never null

struct KvPage {
  std::vector<std::string> keys;
  bool more = false;
};

/// Records of runs. Thread-safe. Everything throws Error: unavailable naming the place and the engine's reason (reason() = "DiskFull" when
/// there is no room), data_loss when what is stored makes no sense.
class RunStore {
 public:
  /// Called once, on a thread of the store; must not block. The error is absent when the write is durable.
  using Written = std::function<void(const std::optional<Error>&)>;

  virtual ~RunStore() = default;

  /// Durable when it returns. False: a record of that id was there already, nothing was written.
  virtual bool insert(const JobRecord&, const PendingRequest&) = 0;
  /// Writes in the order of the calls. `drop_request` removes the pending request in the same transaction.
  virtual void update(JobRecord, bool drop_request, Written) = 0;
  /// The same, durable when it returns.
  virtual void update_now(const JobRecord&, bool drop_request) = 0;
  virtual void set_cleanup(const std::string& id, Cleanup, Written) = 0;

  virtual std::optional<JobRecord> get(std::string_view id) const = 0;
  virtual std::optional<PendingRequest> pending(std::string_view id) const = 0;
  /// Oldest first.
  virtual std::vector<JobRecord> not_ended() const = 0;
  /// Ended runs, newest first, after `after`, at most `limit` (0 = all).
  virtual PageRows ended_page(const JobFilter&, unsigned limit, const std::optional<PageKey>& after) const = 0;
  /// Ended runs that stand at exactly this cleanup and ended before `ended_before_ms`.
  virtual std::vector<JobRecord> to_clean(Cleanup, int64_t ended_before_ms, unsigned limit) const = 0;
  /// Ended runs past retention (ended before, or beyond the newest `kept_max`), at most `limit`.
  virtual std::vector<JobRecord> past_retention(int64_t ended_before_ms, uint64_t kept_max, unsigned limit) const = 0;
  virtual void remove(const std::vector<std::string>& ids) = 0;
  virtual uint64_t revision_max() const = 0;
  virtual std::map<Phase, uint64_t> count_ended() const = 0;

  /// False: another host has taken over; nothing is started here, and what a runner here does not know is no run that was lost.
  virtual bool ours() const { return true; }

  /// The object that a run's own objects belong to; absent where a record is no object.
  virtual std::optional<kinds::job_runner::Owner> owner(std::string_view) const { return std::nullopt; }

  /// Single values of the host (freeze, revisions). Durable when it returns.
  virtual void set_meta(const std::string& key, const std::string& value) = 0;
  virtual std::optional<std::string> meta(std::string_view key) const = 0;

  /// What is wrong at the moment (the last write failed), empty when nothing.
  virtual std::string trouble() const = 0;
};

/// What plugins keep. Thread-safe; throws as RunStore does.
class KvStore {
 public:
  virtual ~KvStore() = default;

  /// Keys of one plugin instance. Throws Error(resource_exhausted) when a new key would be the `keys_max` + 1st.
  virtual void kv_put(const std::string& instance, const std::string& key, const std::string& value, uint64_t keys_max) = 0;
  virtual std::optional<std::string> kv_get(std::string_view instance, std::string_view key) const = 0;
  /// False: there was none.
  virtual bool kv_delete(const std::string& instance, const std::string& key) = 0;
  /// Keys that begin with `prefix` and come after `after`, in byte order.
  virtual KvPage kv_list(std::string_view instance, std::string_view prefix, std::string_view after, unsigned limit) const = 0;
};

/// Both, in one database.
class Store : public RunStore, public KvStore {};

}  // namespace operon::jobs
