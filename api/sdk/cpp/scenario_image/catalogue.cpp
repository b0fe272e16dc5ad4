#include "operon/scenario_image/catalogue.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "operon/error.hpp"

namespace operon::scenario_image {

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

namespace {

constexpr size_t progress_every = 250;

/// What is known of one tag.
struct Known {
  std::shared_ptr<const Image> image;  ///< null: never read, or no scenario
  std::string digest;
  std::string failure;  ///< why it could not be read the last time
  bool listed = false;
  TimePoint until;  ///< looked at again after this
};

bool is_digest(const std::string& text) {
  return text.starts_with("sha256:");
}

}  // namespace

bool may_be_a_scenario(const std::string& tag) {
  return !tag.ends_with(".sig") && !tag.ends_with(".att") && !tag.ends_with(".sbom");
}

struct Catalogue::State : std::enable_shared_from_this<State> {
  State(std::shared_ptr<Source> s, FetchPool& p, CatalogueLimits l, Reports r, Now n)
      : source(std::move(s)), pool(p), limits(l), reports(std::move(r)), now(std::move(n)) {}

  const std::shared_ptr<Source> source;
  FetchPool& pool;
  const CatalogueLimits limits;
  const Reports reports;
  const Now now;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable read;
  std::vector<Tag> tags;  ///< by name
  std::optional<TimePoint> tags_since;
  std::map<std::string, Known, std::less<>> known;  ///< by tag
  std::map<std::string, std::shared_ptr<const Image>, std::less<>> images;
  std::set<std::string, std::less<>> pending;  ///< tags that wait for the pool or are in it
  bool stopped = false;

  std::vector<Tag> present_tags(milliseconds& age);
  void refresh(const Tag& tag);
  Known look(const Tag& tag);
  std::shared_ptr<const Image> image_of(const std::string& tag_or_digest, const std::optional<std::string>& digest);
  void keep(std::shared_ptr<const Image>);
  void forget_unused();
};

/// The present list, or the one before while there is none.
std::vector<Tag> Catalogue::State::present_tags(milliseconds& age) {
  {
    std::lock_guard lock(mutex);
    if (tags_since && now() - *tags_since < limits.tags_ms_max) return tags;
  }
  try {
    auto fresh = source->tags();
    std::erase_if(fresh, [](const Tag& tag) { return !may_be_a_scenario(tag.name); });
    std::sort(fresh.begin(), fresh.end(), [](const Tag& a, const Tag& b) { return a.name < b.name; });
    std::lock_guard lock(mutex);
    tags = fresh;
    tags_since = now();
    forget_unused();
    return fresh;
  } catch (const Error& e) {
    std::lock_guard lock(mutex);
    // A refusal is an answer; only a registry that is away leaves the old list standing.
    if (!tags_since || (e.code() != Code::unavailable && e.code() != Code::deadline_exceeded)) throw;
    age = std::chrono::duration_cast<milliseconds>(now() - *tags_since);
    if (reports.skipped) reports.skipped("", std::string("the list of tags is an old one: ") + e.what());
    return tags;
  }
}

/// With the lock.
void Catalogue::State::forget_unused() {
  std::set<std::string_view> names;
  for (const auto& tag : tags) names.insert(tag.name);
  std::erase_if(known, [&](const auto& entry) { return names.count(entry.first) == 0 && pending.count(entry.first) == 0; });
  if (images.size() <= limits.images_max) return;
  std::set<std::string_view> used;
  for (const auto& entry : known) used.insert(entry.second.digest);
  std::erase_if(images, [&](const auto& entry) { return used.count(entry.first) == 0; });
}

/// With the lock.
void Catalogue::State::keep(std::shared_ptr<const Image> image) {
  if (images.size() < limits.images_max) images.emplace(image->digest, std::move(image));
}

/// From memory when its digest is known, else from the registry.
std::shared_ptr<const Image> Catalogue::State::image_of(const std::string& tag_or_digest, const std::optional<std::string>& digest) {
  if (digest) {
    std::lock_guard lock(mutex);
    if (const auto found = images.find(*digest); found != images.end()) return found->second;
  }
  Image told = source->image(digest ? *digest : tag_or_digest);
  std::lock_guard lock(mutex);
  // Some registries tell of size and date in the list alone.
  const auto tag =
      std::lower_bound(tags.begin(), tags.end(), tag_or_digest, [](const Tag& t, const std::string& name) { return t.name < name; });
  if (tag != tags.end() && tag->name == tag_or_digest) {
    if (!told.size) told.size = tag->size;
    if (!told.last_modified) told.last_modified = tag->last_modified;
  }
  auto image = std::make_shared<const Image>(std::move(told));
  keep(image);
  return image;
}

Known Catalogue::State::look(const Tag& tag) {
  Known fresh;
  try {
    bool seen = false;
    {
      std::lock_guard lock(mutex);
      const auto found = known.find(tag.name);
      seen = found != known.end() && found->second.image != nullptr;
    }
    // Asking for the digest first pays only where the image is known.
    fresh.image = image_of(tag.name, tag.digest ? tag.digest : seen ? source->digest_of_tag(tag.name) : std::nullopt);
    fresh.digest = fresh.image->digest;
    fresh.listed = read_labels(fresh.image->labels).listed();
    fresh.until = now() + limits.digest_ms_max;
  } catch (const std::exception& e) {
    fresh.failure = e.what();
    fresh.until = now() + limits.failure_ms_max;
  }
  return fresh;
}

void Catalogue::State::refresh(const Tag& tag) {
  Known fresh = look(tag);
  bool news = false;
  size_t left = 0, all = 0;
  {
    std::lock_guard lock(mutex);
    Known& before = known[tag.name];
    news = !fresh.failure.empty() && fresh.failure != before.failure;
    if (fresh.failure.empty()) {
      before = std::move(fresh);
    } else {  // what was there before still is, as far as anybody knows
      before.failure = fresh.failure;
      before.until = fresh.until;
    }
    pending.erase(tag.name);
    left = pending.size();
    all = tags.size();
    read.notify_all();
  }
  if (news && reports.skipped) reports.skipped(tag.name, fresh.failure);
  if (reports.progress && left != 0 && left % progress_every == 0) reports.progress(all - std::min(left, all), all);
}

Catalogue::Catalogue(std::shared_ptr<Source> source, FetchPool& pool, CatalogueLimits limits, Reports reports, Now now)
    : state_(std::make_shared<State>(std::move(source), pool, limits, std::move(reports), std::move(now))) {}

Catalogue::~Catalogue() = default;

void Catalogue::stop() {
  std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->read.notify_all();
}

CatalogueList Catalogue::list() {
  CatalogueList list;
  const auto tags = state_->present_tags(list.age);
  std::unique_lock lock(state_->mutex);
  const auto moment = state_->now();
  std::vector<const Tag*> stale;
  for (const auto& tag : tags) {
    const auto found = state_->known.find(tag.name);
    const bool current =
        found != state_->known.end() && moment < found->second.until && (!tag.digest || tag.digest == found->second.digest);
    if (!current && state_->pending.insert(tag.name).second) stale.push_back(&tag);
  }
  lock.unlock();
  for (const auto* tag : stale) state_->pool.submit([state = state_, tag = *tag] { state->refresh(tag); });
  lock.lock();
  size_t first_open = 0;
  const auto whole = [&] {
    while (first_open < tags.size() && state_->pending.count(tags[first_open].name) == 0) ++first_open;
    return first_open == tags.size() || state_->stopped;
  };
  list.partial = !state_->read.wait_for(lock, state_->limits.list_wait_ms_max, whole);
  if (state_->stopped) throw Error(Code::cancelled, "the registry is being closed");
  for (const auto& tag : tags) {
    const auto found = state_->known.find(tag.name);
    if (found != state_->known.end() && found->second.listed) list.entries.push_back({tag.name, found->second.image});
  }
  return list;
}

CatalogueEntry Catalogue::find(const std::string& tag_or_digest) {
  if (!is_digest(tag_or_digest)) {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->known.find(tag_or_digest);
    if (found != state_->known.end() && found->second.image && state_->now() < found->second.until)
      return {tag_or_digest, found->second.image};
  } else {
    return {tag_or_digest, state_->image_of(tag_or_digest, tag_or_digest)};
  }
  auto digest = state_->source->digest_of_tag(tag_or_digest);
  auto image = state_->image_of(tag_or_digest, digest);
  std::lock_guard lock(state_->mutex);
  const auto found = state_->known.find(tag_or_digest);
  if (found != state_->known.end()) {
    found->second.image = image;
    found->second.digest = image->digest;
    found->second.until = state_->now() + state_->limits.digest_ms_max;
  }
  return {tag_or_digest, std::move(image)};
}

size_t Catalogue::images() const {
  std::lock_guard lock(state_->mutex);
  return state_->images.size();
}

}  // namespace operon::scenario_image
