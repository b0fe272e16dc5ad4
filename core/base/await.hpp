/// core/base/await.hpp: waits for what tells its result later.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace operon::base {

/// Calls `begin` with a function that takes the result, and blocks until somebody has called that, once, on whatever thread (this one
/// too). Passes on what `begin` throws; nobody may tell a result then.
template <class Result, class Begin>
Result await(Begin&& begin) {
  std::mutex mutex;
  std::condition_variable told;
  std::optional<Result> result;
  std::forward<Begin>(begin)([&](Result r) {
    std::lock_guard lock(mutex);
    result.emplace(std::move(r));
    told.notify_one();  // under the lock: without it, all this could be gone before
  });
  std::unique_lock lock(mutex);
  told.wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

}  // namespace operon::base
