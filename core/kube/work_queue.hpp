/// core/kube/work_queue.hpp: keys to be worked on: each once at a time, now, later, or after a failure more and more slowly.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/kube/backoff.hpp"

namespace operon::kube {

/// Thread-safe. A key that is added while it waits is there once; one that is added while it is worked on comes again afterwards, never at
/// the same time. Of several delays of one key the shortest counts.
class WorkQueue {
 public:
  struct Limits {
    BackoffLimits retry{std::chrono::milliseconds(5), std::chrono::milliseconds(300'000)};
    size_t keys_max = 200'000;  ///< waiting and delayed; one more is refused (and says so in the log): a later resync finds it
  };

  WorkQueue(Limits, base::Clock& = base::system_clock(), Random = {});
  ~WorkQueue();

  /// False = full or shut down.
  bool add(std::string key);
  bool add_after(std::string key, std::chrono::milliseconds delay);
  /// After a failure: exponentially later with each call since forget().
  bool add_failed(std::string key, std::optional<int64_t> retry_after_ms = {});
  void forget(const std::string& key);
  unsigned failures(const std::string& key) const;

  /// Blocks for the next one; absent once shut down and drained of what is ready. Call done() with it.
  std::optional<std::string> take();
  /// The same without waiting.
  std::optional<std::string> try_take();
  void done(const std::string& key);

  void shut_down();
  size_t size() const;  ///< ready to be worked on
  size_t delayed() const;
  /// Looks at the clock again: for a clock that moves by hand (ManualClock::on_advance).
  void look_again();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace operon::kube
