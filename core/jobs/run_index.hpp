/// core/jobs/run_index.hpp: the Runs that this host knows of, by job id, by name and newest first. No I/O.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/run_object.hpp"

namespace operon::jobs {

using RowPtr = std::shared_ptr<const RunRow>;

/// Thread-safe. Never goes back: a version older than the one it has is not taken, nor is a Run that has been deleted (the answer to a
/// write may come after the news of the deletion).
class RunIndex {
 public:
  /// What was there before, when this one was newer; otherwise absent.
  struct Taken {
    RowPtr before;
  };
  std::optional<Taken> put(RowPtr);
  /// Null when it was not there (or another object of that name is).
  RowPtr remove(std::string_view name, std::string_view uid);

  RowPtr find(std::string_view id) const;
  RowPtr find_name(std::string_view name) const;
  std::vector<RowPtr> all() const;  ///< newest first
  size_t waiting() const;           ///< neither started nor ended
  std::vector<RowPtr> page(const JobFilter&, unsigned limit, const std::optional<PageKey>& after) const;
  bool wait(std::string_view id, std::chrono::milliseconds timeout, const std::function<bool(const RowPtr&)>& condition) const;

 private:
  static constexpr size_t removed_kept_max = 4096;

  RowPtr find_locked(std::string_view id) const;
  void leave(const RowPtr&);

  mutable std::mutex mutex_;
  mutable std::condition_variable moved_;
  std::map<PageKey, RowPtr> ordered_;
  std::map<std::string, RowPtr, std::less<>> by_id_, by_name_;
  size_t waiting_ = 0;
  std::set<std::string, std::less<>> removed_uids_;
  std::deque<std::string> removed_;  ///< the same, oldest first
};

}  // namespace operon::jobs
