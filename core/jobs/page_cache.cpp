#include "core/jobs/page_cache.hpp"

#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {

PageCache::PageCache(size_t bytes_max)
    : bytes_max_(bytes_max),
      hits_(metrics::counter("operon_page_cache_hits_total", "Pages of ended runs answered from memory")),
      misses_(metrics::counter("operon_page_cache_misses_total", "Pages of ended runs read from the state store")),
      dropped_(metrics::counter("operon_page_cache_dropped_total", "Pages of ended runs that went from memory to make room")) {}

uint64_t PageCache::version() const {
  std::lock_guard lock(mutex_);
  return version_;
}

PageRows PageCache::find(const std::string& question) {
  std::lock_guard lock(mutex_);
  const auto found = by_question_.find(question);
  if (found == by_question_.end()) {
    misses_.add();
    return nullptr;
  }
  kept_.splice(kept_.begin(), kept_, found->second);
  hits_.add();
  return found->second->rows;
}

void PageCache::keep(uint64_t version, std::string question, PageRows rows) {
  size_t bytes = sizeof(Kept) + 2 * question.size() + rows->capacity() * sizeof(PageRow);
  for (const auto& row : *rows) bytes += row.key.id.capacity() + row.json.capacity();
  std::lock_guard lock(mutex_);
  if (version != version_ || bytes > bytes_max_ || by_question_.contains(question)) return;
  while (bytes_ + bytes > bytes_max_) drop_last();
  kept_.push_front({std::move(question), std::move(rows), bytes});
  by_question_.emplace(kept_.front().question, kept_.begin());
  bytes_ += bytes;
}

void PageCache::changed() {
  std::list<Kept> old;  // freed without the lock
  std::lock_guard lock(mutex_);
  ++version_;
  by_question_.clear();
  old.swap(kept_);
  bytes_ = 0;
}

void PageCache::drop_last() {
  by_question_.erase(kept_.back().question);
  bytes_ -= kept_.back().bytes;
  kept_.pop_back();
  dropped_.add();
}

std::string page_question(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) {
  std::string text = filter.phase ? kinds::job_runner::to_string(*filter.phase) : "";
  // Lengths, because a name may hold anything.
  for (const std::string& part : {filter.scenario_name, filter.target_id, filter.cluster_name, after ? after->id : std::string()})
    text.append("\n").append(std::to_string(part.size())).append(" ").append(part);
  return text + "\n" + std::to_string(limit) + " " + std::to_string(after ? after->created_unix_ms : -1);
}

}  // namespace operon::jobs
