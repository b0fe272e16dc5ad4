#include "core/kube/backoff.hpp"

#include <algorithm>
#include <atomic>
#include <random>

namespace operon::kube {

namespace {

/// One for each request: asking the processor for every one of them costs a virtual machine more than all the rest of a retry's work.
uint64_t fresh_seed() {
  static std::atomic<uint64_t> last{(static_cast<uint64_t>(std::random_device{}()) << 32) | std::random_device{}()};
  return last.fetch_add(0xd1342543de82ef95, std::memory_order_relaxed);
}

}  // namespace

Random::Random() : state_(fresh_seed()) {}

uint64_t Random::next() {  // splitmix64
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int64_t Random::up_to(int64_t limit) {
  return limit <= 0 ? 0 : static_cast<int64_t>(next() % (static_cast<uint64_t>(limit) + 1));
}

std::chrono::milliseconds Backoff::next(std::optional<int64_t> retry_after_ms) {
  const int64_t cap = limits_.cap.count();
  int64_t most = std::min(limits_.first.count(), cap);
  for (unsigned i = 0; i < attempts_ && most < cap; ++i) most = std::min(most * 2, cap);
  ++attempts_;
  return std::chrono::milliseconds(random_.up_to(most) + std::max<int64_t>(retry_after_ms.value_or(0), 0));
}

bool worth_retrying(const Result& result, Repeat repeat) {
  if (const auto* error = std::get_if<Error>(&result)) {
    if (error->reason() == "NotSent") return true;
    return error->reason() == "Lost" && repeat == Repeat::safe;
  }
  const int status = std::get<Response>(result).status;
  if (status == 429) return true;
  return status >= 500 && status != 501 && status != 505 && repeat == Repeat::safe;
}

}  // namespace operon::kube
