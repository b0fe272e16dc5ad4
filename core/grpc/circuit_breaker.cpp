#include "core/grpc/circuit_breaker.hpp"

#include <algorithm>

namespace operon::grpc_client {

using std::chrono::milliseconds;

std::optional<milliseconds> CircuitBreaker::refuse() {
  std::lock_guard lock(mutex_);
  if (open_ms_.count() == 0) return std::nullopt;
  const auto now = clock_.steady();
  const Time free = trial_ ? trial_until_ : open_until_;
  if (now < free) return std::chrono::ceil<milliseconds>(free - now);
  trial_ = true;
  trial_until_ = now + limits_.trial_ms_max;
  return std::nullopt;
}

void CircuitBreaker::succeeded() {
  std::lock_guard lock(mutex_);
  failures_ = 0;
  open_ms_ = milliseconds(0);
  trial_ = false;
  why_.clear();
}

void CircuitBreaker::failed(std::string why) {
  std::lock_guard lock(mutex_);
  why_ = std::move(why);
  if (open_ms_.count() == 0 && ++failures_ < limits_.failures_max) return;
  // Whoever had gone ahead before it opened says nothing new.
  if (open_ms_.count() != 0 && !trial_) return;
  open_ms_ = open_ms_.count() == 0 ? limits_.open_ms_first : std::min(open_ms_ * 2, limits_.open_ms_max);
  open_until_ = clock_.steady() + open_ms_;
  trial_ = false;
}

void CircuitBreaker::abandoned() {
  std::lock_guard lock(mutex_);
  trial_ = false;
}

CircuitBreaker::State CircuitBreaker::state() const {
  std::lock_guard lock(mutex_);
  if (open_ms_.count() == 0) return State::closed;
  return trial_ || clock_.steady() >= open_until_ ? State::half_open : State::open;
}

std::string CircuitBreaker::trouble() const {
  std::lock_guard lock(mutex_);
  return why_;
}

}  // namespace operon::grpc_client
