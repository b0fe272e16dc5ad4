/// core/kube/events.hpp: Events (events.k8s.io/v1), repeated ones as one series.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/kube/client.hpp"

namespace operon::kube {

struct ObjectReference {
  std::string api_version, kind, name_space, name, uid;
};

struct Event {
  ObjectReference regarding;
  bool warning = false;
  std::string reason;  ///< CamelCase, at most 128 bytes
  std::string action;  ///< what was done or tried
  std::string note;    ///< for people, cut at 1,024 bytes; scrubbed
};

/// Thread-safe, never blocks: Events are a courtesy. Waiting ones are bounded (`waiting_max`); more are dropped and counted. The same
/// reason, action and note about one object is one Event whose series counts up, written at most once every `series_period`.
class EventRecorder {
 public:
  static constexpr size_t waiting_max = 1'000;
  static constexpr size_t remembered_max = 4'096;  ///< series known; the oldest is forgotten and begins anew

  EventRecorder(Client&, std::string controller, std::string instance, std::chrono::milliseconds series_period = std::chrono::minutes(1));
  ~EventRecorder();  ///< drops what waits

  void record(Event);
  /// Blocks until what waits is written, at most `timeout`; for the end of a program and for tests.
  bool flush(std::chrono::milliseconds timeout);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace operon::kube
