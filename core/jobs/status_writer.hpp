/// core/jobs/status_writer.hpp: states of runs on their way to the API server: of one run only the newest, never two at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/jobs/store.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::jobs {

/// What is to be written of one run.
struct StatusWrite {
  std::optional<JobRecord> record;
  bool drop_request = false;
  std::optional<Cleanup> cleanup;  ///< alone: the rest stays as it is
};

/// Thread-safe. What is queued at destruction is still written.
class StatusWriter {
 public:
  /// Blocks on the API server; throws Error.
  using Write = std::function<void(const std::string& id, const StatusWrite&)>;

  StatusWriter(unsigned threads, size_t queued_max, Write);
  ~StatusWriter();

  /// Never blocks. `written` comes on a thread of the writer, or at once (RESOURCE_EXHAUSTED) when `queued_max` runs wait.
  void post(const std::string& id, StatusWrite, RunStore::Written);
  /// The error of the last write; empty when it went well.
  std::string trouble() const;

 private:
  struct Waiting {
    StatusWrite write;
    std::vector<RunStore::Written> written;
    bool busy = false;  ///< an older state is being written
  };

  void loop();
  void finish(const std::string& id, const std::optional<Error>&);

  const size_t queued_max_;
  const Write write_;
  metrics::Counter failures_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Waiting> waiting_;
  std::deque<std::string> ready_;
  std::string trouble_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace operon::jobs
