/// core/kube/lease.hpp: one of several is the leader (coordination.k8s.io/v1 Lease).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.hpp"
#include "core/kube/client.hpp"

namespace operon::kube {

struct LeaseOptions {
  std::string name_space, name;
  std::string identity;                              ///< unique among the candidates
  std::chrono::milliseconds duration{15'000};        ///< after which others may take it; whole seconds on the wire
  std::chrono::milliseconds renew_deadline{10'000};  ///< without a renewal for this long we are no leader any more: before others take it
  std::chrono::milliseconds retry_period{2'000};
};

/// What proves leadership to a writer. A paused process finds it expired when it wakes, before anything it writes reaches the server.
struct Fence {
  int64_t term = 0;  ///< leaseTransitions: grows with each new leader; write it beside what must not be overwritten by an older one
  std::chrono::steady_clock::time_point until{};
};

class LeaderElection {
 public:
  /// Whether this host is still the leader, by its own clock and at this moment: false in a process that was paused for too long, before
  /// its election has noticed. Any thread; until `stopped` has returned.
  using Holds = std::function<bool()>;

  /// `started` and `stopped` come on its own thread; `stopped` must end what only the leader may do. The client must outlive it.
  LeaderElection(Client&, LeaseOptions, std::function<void(Holds)> started, std::function<void()> stopped,
                 base::Clock& = base::system_clock());
  /// Stops being leader (`stopped` is called), then gives the lease back so that another can take it at once.
  ~LeaderElection();

  bool leading() const;
  /// Throws Error(failed_precondition) naming the present holder when we are not the leader, by our own clock, at this moment.
  Fence fence() const;
  std::string holder() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace operon::kube
