#include "core/jobs/run_index.hpp"

namespace operon::jobs {

namespace {

bool waits(const RunRow& row) {
  return !row.started() && !row.record.job.ended();
}

}  // namespace

void RunIndex::leave(const RowPtr& row) {
  ordered_.erase(row->key());
  by_id_.erase(row->record.job.id);
  waiting_ -= waits(*row) ? 1 : 0;
}

size_t RunIndex::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

std::optional<RunIndex::Taken> RunIndex::put(RowPtr row) {
  RowPtr before;
  {
    std::lock_guard lock(mutex_);
    if (removed_uids_.contains(row->uid)) return std::nullopt;
    if (const auto found = by_name_.find(row->name); found != by_name_.end()) {
      before = found->second;
      if (before->version >= row->version) return std::nullopt;
      leave(before);
    }
    waiting_ += waits(*row) ? 1 : 0;
    by_name_[row->name] = row;
    by_id_[row->record.job.id] = row;
    ordered_[row->key()] = std::move(row);
  }
  moved_.notify_all();
  return Taken{std::move(before)};
}

RowPtr RunIndex::remove(std::string_view name, std::string_view uid) {
  RowPtr row;
  {
    std::lock_guard lock(mutex_);
    if (removed_uids_.emplace(uid).second) removed_.emplace_back(uid);
    if (removed_.size() > removed_kept_max) {
      removed_uids_.erase(removed_.front());
      removed_.pop_front();
    }
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || found->second->uid != uid) return nullptr;
    row = found->second;
    by_name_.erase(found);
    leave(row);
  }
  moved_.notify_all();
  return row;
}

RowPtr RunIndex::find_locked(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

RowPtr RunIndex::find(std::string_view id) const {
  std::lock_guard lock(mutex_);
  return find_locked(id);
}

RowPtr RunIndex::find_name(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<RowPtr> RunIndex::all() const {
  return page({}, 0, std::nullopt);
}

std::vector<RowPtr> RunIndex::page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const {
  std::vector<RowPtr> rows;
  std::lock_guard lock(mutex_);
  auto place = after ? ordered_.lower_bound(*after) : ordered_.end();
  while (place != ordered_.begin() && (limit == 0 || rows.size() < limit)) {
    --place;
    if (matches(place->second->record.job, filter)) rows.push_back(place->second);
  }
  return rows;
}

bool RunIndex::wait(std::string_view id, std::chrono::milliseconds timeout, const std::function<bool(const RowPtr&)>& condition) const {
  std::unique_lock lock(mutex_);
  return moved_.wait_for(lock, timeout, [&] { return condition(find_locked(id)); });
}

}  // namespace operon::jobs
