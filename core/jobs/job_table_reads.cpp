#include "core/jobs/job_table_state.hpp"
#include "core/jobs/page_token.hpp"

namespace operon::jobs {

std::optional<Job> JobTable::Impl::get(std::string_view id) const {
  {
    std::lock_guard lock(mutex_);
    const auto entry = find(id);
    if (entry && entry->announced) return shown(*entry);
  }
  const auto record = store_->get(id);
  if (!record) return std::nullopt;
  // A start that is being recorded at this moment has not been accepted yet.
  if (!record->job.ended() && record->job.revision == 0) {
    std::lock_guard lock(mutex_);
    const auto entry = find(id);
    if (entry && entry->announced) return shown(*entry);
    if (entry) return std::nullopt;
  }
  return record->job;
}

/// Runs in memory and ended runs of the store, merged. Memory is read first: a run that ends meanwhile is then in both, never in neither.
Page JobTable::Impl::list(const JobFilter& filter, unsigned limit, std::string_view token) const {
  const auto after = read_token(token);
  struct Row {
    PageKey key;
    std::shared_ptr<const std::string> json;
  };
  std::vector<Row> live;
  {
    std::lock_guard lock(mutex_);
    auto place = after ? ordered_.lower_bound(*after) : ordered_.end();
    while (place != ordered_.begin() && (limit == 0 || live.size() <= limit)) {
      --place;
      const Entry& entry = *place->second;
      if (!entry.announced || !matches(entry.job(), filter)) continue;
      live.push_back(
          {place->first, entry.stage == Stage::queued ? std::make_shared<const std::string>(to_contract_json(shown(entry))) : entry.json});
    }
  }
  static const auto nothing = std::make_shared<const std::vector<PageRow>>();
  PageRows ended = nothing;
  if (!filter.phase || kind::terminal(*filter.phase)) {
    // One more than asked tells whether there is a next page; those that are in memory too may take places.
    ended = store_->ended_page(filter, limit == 0 ? 0 : limit + 1 + static_cast<unsigned>(live.size()), after);
  }
  Page page;
  size_t bytes = list_frame_bytes;
  for (const auto& row : live) bytes += row.json->size() + 1;
  for (const auto& row : *ended) bytes += row.json.size() + 1;
  page.jobs_json.reserve(bytes);
  page.jobs_json = "[";
  unsigned count = 0;
  PageKey last;
  auto a = live.begin();
  auto b = ended->begin();
  while (a != live.end() || b != ended->end()) {
    const bool from_memory = b == ended->end() || (a != live.end() && a->key >= b->key);
    if (limit != 0 && count == limit) {
      page.continue_token = make_token(last);
      break;
    }
    if (count++ != 0) page.jobs_json += ',';
    if (from_memory) {
      if (b != ended->end() && b->key == a->key) ++b;
      page.jobs_json += *a->json;
      last = a->key;
      ++a;
    } else {
      page.jobs_json += b->json;
      last = b->key;
      ++b;
    }
  }
  page.jobs_json += ']';
  return page;
}

}  // namespace operon::jobs
