#include "core/kube/work_queue.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/log/log.hpp"

namespace operon::kube {

using std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

struct WorkQueue::State {
  State(Limits l, base::Clock& c, Random r) : limits(l), clock(c), random(r) {}

  // All with the lock held.

  /// True when there is one more to take.
  bool push(std::string key) {
    undelay(key);
    if (working.contains(key)) {
      again.insert(std::move(key));
      return false;
    }
    if (!waiting.insert(key).second) return false;
    ready.push_back(std::move(key));
    return true;
  }

  void undelay(const std::string& key) {
    const auto found = due_of.find(key);
    if (found == due_of.end()) return;
    by_time.erase({found->second, key});
    due_of.erase(found);
  }

  bool full() {
    if (waiting.size() + due_of.size() + again.size() < limits.keys_max) return false;
    if (!complained) log::warn("a work queue is full; keys are left to the next resync", {{"keys_max", std::to_string(limits.keys_max)}});
    complained = true;
    return true;
  }

  void promote() {
    const auto now = clock.steady();
    while (!by_time.empty() && by_time.begin()->first <= now) {
      if (push(std::string(by_time.begin()->second))) changed.notify_one();
    }
  }

  std::optional<std::string> pop() {
    promote();
    if (ready.empty()) return std::nullopt;
    std::string key = std::move(ready.front());
    ready.pop_front();
    waiting.erase(key);
    working.insert(key);
    return key;
  }

  const Limits limits;
  base::Clock& clock;
  Random random;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> ready;
  std::unordered_set<std::string> waiting;  ///< the same keys
  std::unordered_set<std::string> working;
  std::unordered_set<std::string> again;  ///< added while worked on
  std::set<std::pair<TimePoint, std::string>> by_time;
  std::unordered_map<std::string, TimePoint> due_of;
  std::unordered_map<std::string, Backoff> failed;
  bool shut = false, complained = false;
};

WorkQueue::WorkQueue(Limits limits, base::Clock& clock, Random random) : state_(std::make_unique<State>(limits, clock, random)) {}
WorkQueue::~WorkQueue() = default;

bool WorkQueue::add(std::string key) {
  std::unique_lock lock(state_->mutex);
  const bool known = state_->waiting.contains(key) || state_->due_of.contains(key) || state_->again.contains(key);
  if (state_->shut || (!known && state_->full())) return false;
  const bool more = state_->push(std::move(key));
  lock.unlock();  // whoever wakes takes it first thing
  if (more) state_->changed.notify_one();
  return true;
}

bool WorkQueue::add_after(std::string key, milliseconds delay) {
  if (delay.count() <= 0) return add(std::move(key));
  std::lock_guard lock(state_->mutex);
  State& self = *state_;
  if (self.shut) return false;
  if (self.waiting.contains(key)) return true;  // sooner than that
  const auto due = self.clock.steady() + delay;
  const auto found = self.due_of.find(key);
  if (found != self.due_of.end() && found->second <= due) return true;
  if (found == self.due_of.end() && self.full()) return false;
  self.undelay(key);
  self.by_time.emplace(due, key);
  self.due_of.emplace(std::move(key), due);
  self.changed.notify_all();  // waiters look when to wake up
  return true;
}

bool WorkQueue::add_failed(std::string key, std::optional<int64_t> retry_after_ms) {
  milliseconds delay;
  {
    std::lock_guard lock(state_->mutex);
    auto found = state_->failed.find(key);
    if (found == state_->failed.end()) {
      found = state_->failed.emplace(key, Backoff(state_->limits.retry, Random(state_->random.next()))).first;
    }
    delay = found->second.next(retry_after_ms);
  }
  return add_after(std::move(key), std::max(delay, milliseconds(1)));
}

void WorkQueue::forget(const std::string& key) {
  std::lock_guard lock(state_->mutex);
  state_->failed.erase(key);
}

unsigned WorkQueue::failures(const std::string& key) const {
  std::lock_guard lock(state_->mutex);
  const auto found = state_->failed.find(key);
  return found == state_->failed.end() ? 0 : found->second.attempts();
}

std::optional<std::string> WorkQueue::take() {
  std::unique_lock lock(state_->mutex);
  State& self = *state_;
  while (true) {
    if (auto key = self.pop()) return key;
    if (self.shut) return std::nullopt;
    if (self.by_time.empty()) {
      self.changed.wait(lock);
    } else {
      // As long as the clock says; one that moves by hand calls look_again().
      self.changed.wait_for(lock, self.by_time.begin()->first - self.clock.steady());
    }
  }
}

std::optional<std::string> WorkQueue::try_take() {
  std::lock_guard lock(state_->mutex);
  return state_->pop();
}

void WorkQueue::done(const std::string& key) {
  std::unique_lock lock(state_->mutex);
  state_->working.erase(key);
  auto node = state_->again.extract(key);
  const bool more = node && state_->push(std::move(node.value()));
  if (state_->ready.empty()) state_->complained = false;
  lock.unlock();
  if (more) state_->changed.notify_one();
}

void WorkQueue::shut_down() {
  std::lock_guard lock(state_->mutex);
  state_->shut = true;
  state_->by_time.clear();
  state_->due_of.clear();
  state_->changed.notify_all();
}

size_t WorkQueue::size() const {
  std::lock_guard lock(state_->mutex);
  state_->promote();
  return state_->ready.size();
}

size_t WorkQueue::delayed() const {
  std::lock_guard lock(state_->mutex);
  state_->promote();
  return state_->due_of.size();
}

void WorkQueue::look_again() {
  std::lock_guard lock(state_->mutex);
  state_->changed.notify_all();
}

}  // namespace operon::kube
