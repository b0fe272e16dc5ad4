#include "call_gate.hpp"

#include <string>

#include "operon/error.hpp"

namespace operon::data_provider {

void CallGate::enter() {
  std::lock_guard lock(mutex_);
  if (closed_) throw Error(Code::unavailable, "the data provider is stopping");
  if (calls_ >= calls_max_) {
    throw Error(Code::resource_exhausted, std::to_string(calls_) + " calls are going on already (" + limit_ + "); try again later");
  }
  ++calls_;
}

void CallGate::leave() {
  std::lock_guard lock(mutex_);
  --calls_;
  if (calls_ == 0) emptied_.notify_all();
}

bool CallGate::close(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  return emptied_.wait_until(lock, deadline, [&] { return calls_ == 0; });
}

}  // namespace operon::data_provider
