/// core/kube/retry.hpp: a request, tried until it is answered or its time is up.
#pragma once

#include <functional>
#include <memory>

#include "core/kube/backoff.hpp"
#include "core/kube/client.hpp"

namespace operon::kube {

struct RetryOptions {
  Repeat repeat = Repeat::unsafe;
  unsigned attempts_max = 6;
  BackoffLimits backoff{};
  Random random{};
};

/// What became of it, and whether an earlier attempt may have been carried out although its answer was lost.
struct Outcome {
  Result result;
  unsigned attempts = 0;
  bool maybe_done_before = false;
};

/// Request::timeout covers all attempts and the waits between them. `done` once, as Client::request() does it.
/// The client must outlive the call. The answer's 2xx-ness is not looked at beyond what is worth repeating.
void send(Client&, Request, const RetryOptions&, std::function<void(Outcome)> done);
/// Blocks. Never throws for an answer; look into the outcome.
Outcome send(Client&, Request, const RetryOptions&);

}  // namespace operon::kube
