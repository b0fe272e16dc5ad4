#include "shared_list.hpp"

namespace operon::data_provider {

struct SharedList::Flight {
  Clock::time_point began;
  std::shared_ptr<Asked> opener;
  std::vector<std::shared_ptr<Asked>> waiting;
  Cancel cancel;
  bool abandoned = false;
};

void SharedList::ask(const std::shared_ptr<Asked>& asked) {
  const auto now = Clock::now();
  std::unique_lock lock(mutex_);
  if (kept_ && now - kept_since_ < limits_.age_ms_max) {
    const auto names = kept_;
    lock.unlock();
    return asked->done(nullptr, *names);
  }
  if (flight_ && now - flight_->began < limits_.age_ms_max) {
    flight_->waiting.push_back(asked);
    asked->flight = flight_;
    return;
  }
  auto flight = std::make_shared<Flight>();
  flight->began = now;
  flight->opener = asked;
  flight->waiting.push_back(asked);
  asked->flight = flight;
  flight_ = flight;
  lock.unlock();
  begin(flight, asked);
}

void SharedList::begin(const std::shared_ptr<Flight>& flight, const std::shared_ptr<Asked>& asked) {
  Cancel cancel;
  try {
    cancel = asked->begin(asked->deadline, [self = shared_from_this(), flight](std::optional<Error> error, Names names) {
      self->ended(flight, std::move(error), std::move(names));
    });
  } catch (const Error& e) {
    // It is told by the exception, those who joined meanwhile as usual.
    {
      std::lock_guard lock(mutex_);
      std::erase(flight->waiting, asked);
    }
    ended(flight, e, {});
    throw;
  }
  std::unique_lock lock(mutex_);
  if (flight->waiting.empty() && !flight->abandoned) return;  // it has ended already
  flight->cancel = cancel;
  const bool abandoned = flight->abandoned;
  lock.unlock();
  if (abandoned) cancel();
}

void SharedList::cancel(const std::shared_ptr<Asked>& asked) {
  Cancel cancel;
  {
    std::lock_guard lock(mutex_);
    const auto flight = asked->flight.lock();
    if (!flight || std::erase(flight->waiting, asked) == 0) return;
    if (flight->waiting.empty()) {
      flight->abandoned = true;
      cancel = std::move(flight->cancel);
      if (flight_ == flight) flight_.reset();
    }
  }
  if (cancel) cancel();
  const Error error(Code::cancelled, "list nodes: cancelled");
  asked->done(&error, {});
}

void SharedList::forget() {
  std::lock_guard lock(mutex_);
  kept_.reset();
}

/// With the lock held.
void SharedList::keep(const Flight& flight, const Names& names) {
  constexpr size_t overhead_bytes = sizeof(std::string);
  size_t bytes = 0;
  for (const auto& name : names) bytes += name.size() + overhead_bytes;
  if (bytes > limits_.kept_bytes_max || limits_.age_ms_max.count() == 0 || (kept_ && kept_since_ > flight.began)) return;
  kept_ = std::make_shared<const Names>(names);
  kept_since_ = flight.began;
}

void SharedList::ended(const std::shared_ptr<Flight>& flight, std::optional<Error> error, Names names) {
  std::vector<std::shared_ptr<Asked>> waiting;
  {
    std::lock_guard lock(mutex_);
    if (flight_ == flight) flight_.reset();
    waiting.swap(flight->waiting);
    flight->cancel = nullptr;
    if (!error) keep(*flight, names);
  }
  const auto now = Clock::now();
  const bool the_openers = error && (error->code() == Code::deadline_exceeded || error->code() == Code::cancelled);
  for (const auto& asked : waiting) {
    if (the_openers && asked != flight->opener && asked->deadline > now) {
      try {
        ask(asked);
      } catch (const Error& e) {
        asked->done(&e, {});
      }
    } else {
      asked->done(error ? &*error : nullptr, names);
    }
  }
}

}  // namespace operon::data_provider
