/// core/kube/backoff.hpp: how long to wait before the next attempt, and whether there may be one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/kube/client.hpp"
#include "operon/error.hpp"

namespace operon::kube {

/// Small, fast, the same sequence for the same seed. Not for secrets.
class Random {
 public:
  Random();  ///< another sequence every time
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  /// In [0, limit]; 0 for 0.
  int64_t up_to(int64_t limit);

 private:
  uint64_t state_;
};

struct BackoffLimits {
  std::chrono::milliseconds first{200};
  std::chrono::milliseconds cap{30'000};
};

/// Exponential with full jitter: anything between nothing and first * 2^n, at most the cap. A server's Retry-After is a floor; what comes
/// on top of it is jittered, so that those who were sent away together do not come back together.
class Backoff {
 public:
  explicit Backoff(BackoffLimits limits = {}, Random random = {}) : limits_(limits), random_(random) {}
  std::chrono::milliseconds next(std::optional<int64_t> retry_after_ms = {});
  void reset() { attempts_ = 0; }
  unsigned attempts() const { return attempts_; }

 private:
  BackoffLimits limits_;
  Random random_;
  unsigned attempts_ = 0;
};

/// What repeating a request that may have been carried out does.
enum class Repeat {
  safe,   ///< the same as once: reads, apply, delete with a uid, update with a resourceVersion
  unsafe  ///< something else
};

/// Whether to try again after this end. 429 always (the server did not look at it) and what was never sent; 5xx except 501 and 505 and lost
/// answers only where repeating is safe.
bool worth_retrying(const Result&, Repeat);

}  // namespace operon::kube
