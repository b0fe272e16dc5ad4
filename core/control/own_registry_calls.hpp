/// core/control/own_registry_calls.hpp: how many requests wait at once for a registry that they name themselves (registryUrl).
#pragma once

#include <atomic>

namespace operon::control {

/// A registry of the caller's choice may take its whole deadline, and what waits for it keeps a thread that answers nothing else: some are
/// to be left, to stop runs with. Thread-safe.
class OwnRegistryCalls {
 public:
  explicit OwnRegistryCalls(unsigned calls_max) : calls_max_(calls_max) {}

  /// One of them, while it lives. Throws Error(resource_exhausted) when there are calls_max.
  class Call {
   public:
    explicit Call(OwnRegistryCalls&);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    OwnRegistryCalls& all_;
  };

 private:
  const unsigned calls_max_;
  std::atomic<unsigned> calls_{0};
};

}  // namespace operon::control
