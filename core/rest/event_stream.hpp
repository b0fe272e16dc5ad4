/// core/rest/event_stream.hpp: the job table's changes as server-sent events.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/http/message.hpp"
#include "core/jobs/jobs.hpp"
#include "core/rest/signal.hpp"

namespace operon::base {
class Clock;
}

namespace operon::rest {

struct EventStreamOptions {
  std::optional<uint64_t> after;  ///< resume after this revision; absent: from now on
  std::chrono::milliseconds heartbeat{15000};
  unsigned events_at_once_max = 256;
};

/// Events: `hello` {"revision"} first; `job` with the job object, id = revision; `reset` {"revision","message"} when events between were
/// lost and the client must list again; `stop` {"message"} when the host stops. A comment after each silent heartbeat period.
class EventStream final : public http::StreamSource {
 public:
  EventStream(jobs::Jobs&, base::Clock&, const EventStreamOptions&);

  Got read(std::string& into, size_t max) override;
  void set_waker(std::function<void()>) override;
  void drain() override;
  std::string dropped_marker() const override { return ": dropped, this client reads too slowly; connect again\n\n"; }

  const std::shared_ptr<Signal>& signal() const noexcept { return signal_; }

 private:
  void open(std::string& into);
  bool append_events(std::string& into, size_t max);

  jobs::Jobs& table_;
  base::Clock& clock_;
  const EventStreamOptions options_;
  std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  std::shared_ptr<void> subscription_;
  std::atomic<bool> draining_{false};
  bool opened_ = false, ended_ = false;
  uint64_t revision_ = 0;  ///< of the last event sent
  std::chrono::steady_clock::time_point last_sent_;
};

}  // namespace operon::rest
