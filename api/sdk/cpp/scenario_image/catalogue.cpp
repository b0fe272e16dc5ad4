#include "operon/scenario_image/catalogue.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "operon/error.hpp"
#include "operon/scenario_image/names.hpp"

namespace operon::scenario_image {

using TimePoint = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using ImagePtr = std::shared_ptr<const Image>;

namespace {

constexpr size_t progress_every = 250;

/// What is known of one tag.
struct Known {
  ImagePtr image;                      ///< null: it was never read
  bool listed = false;                 ///< it is a scenario
  bool away = false;                   ///< the registry could not be reached, and nothing is wrong with the tag
  std::string failure, failed_digest;  ///< why it could not be read the last time, and what the list said it named
  std::string globals_failure;         ///< why its base's labels make no sense
  TimePoint until;                     ///< looked at again after this

  bool current(const Tag& tag, TimePoint now) const {
    if (now >= until) return false;
    if (!tag.digest) return true;
    return failure.empty() ? image && image->digest == *tag.digest : failed_digest == *tag.digest;
  }
};

size_t bytes_of(const Image& image) {
  size_t bytes = sizeof(Image) + image.digest.size();
  for (const auto& label : image.labels) bytes += label.first.size() + label.second.size();
  return bytes;
}

bool may_pass(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::resource_exhausted;
}

}  // namespace

bool may_be_a_scenario(const std::string& tag) {
  return !tag.ends_with(".sig") && !tag.ends_with(".att") && !tag.ends_with(".sbom");
}

struct Catalogue::State {
  State(std::shared_ptr<Source> s, CatalogueLimits l, Reports r, Now n)
      : source(std::move(s)), limits(l), reports(std::move(r)), now(std::move(n)) {}

  const std::shared_ptr<Source> source;
  const CatalogueLimits limits;
  const Reports reports;
  const Now now;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable read;
  std::vector<Tag> tags;  ///< by name
  std::optional<TimePoint> tags_since;
  TimePoint tags_again;                             ///< not asked for before this, after a failure
  std::optional<Error> tags_error;                  ///< of the last time that they were asked for
  bool asking = false;                              ///< somebody does at present
  uint64_t asked = 0;                               ///< how often that has ended
  std::map<std::string, Known, std::less<>> known;  ///< by tag
  std::map<std::string, ImagePtr, std::less<>> images;
  size_t images_bytes = 0;
  TimePoint away_until;  ///< nothing is asked about one image before this
  std::string away_because;
  bool told_away = false;                      ///< in the log
  std::set<std::string, std::less<>> pending;  ///< tags that wait for the pool or are in it
  bool stopped = false;
  std::function<void(std::function<void()>)> submit_tags;  ///< set once, before anybody asks

  std::vector<Tag> present_tags(const Patience&, milliseconds& age);
  void ask_behind(std::unique_lock<std::mutex>&);
  void ask_for_tags(const Patience&, std::unique_lock<std::mutex>&);
  void take_tags(std::vector<Tag>);
  void check_away();
  void note_away(const Error&);
  void refresh(const Tag& tag);
  Known look(const Tag& tag, const Patience&);
  ImagePtr image_of(const std::string& tag_or_digest, const std::optional<std::string>& digest, const Patience&, bool must_be_kept);
  ImagePtr image_now(const std::string& tag_or_digest, const Patience&);
  bool keep(const ImagePtr&);
  void forget_unused();
  CatalogueEntry entry_of(const std::string& name, ImagePtr image) const;
};

/// The present list, or the one before while there is none. It is asked for behind, so that a long one is not begun anew by every caller;
/// Throws Error(deadline_exceeded) when it does not come in time and there is none before it.
std::vector<Tag> Catalogue::State::present_tags(const Patience& patience, milliseconds& age) {
  std::unique_lock lock(mutex);
  if (tags_since && now() - *tags_since < limits.tags_ms_max) return tags;
  const bool again = !tags_since || now() >= tags_again;
  if (again) {
    const uint64_t before = asked;
    if (!asking) ask_behind(lock);
    const bool told = patience.wait(read, lock, limits.list_wait_ms_max, [&] { return asked != before || stopped; });
    if (stopped) throw Error(Code::cancelled, "the registry is being closed");
    if (told && !tags_error) return tags;
    if (!told && !tags_since)
      throw Error(Code::deadline_exceeded, "the list of tags has not come in time; the registry is still being asked: try again");
  }
  // A refusal is an answer; only a registry that is away leaves the old list standing.
  if (tags_error && (!tags_since || !may_pass(tags_error->code()))) throw *tags_error;
  age = std::chrono::duration_cast<milliseconds>(now() - *tags_since);
  return tags;
}

/// With the lock, which it gives up.
void Catalogue::State::ask_behind(std::unique_lock<std::mutex>& lock) {
  asking = true;
  lock.unlock();
  try {
    submit_tags([this] {
      std::unique_lock own(mutex);
      ask_for_tags(Patience(limits.tags_read_ms_max), own);
    });
  } catch (...) {
    lock.lock();
    asking = false;
    throw;
  }
  lock.lock();
}

/// With the lock, which it gives up while it asks.
void Catalogue::State::ask_for_tags(const Patience& patience, std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  std::vector<Tag> fresh;
  std::optional<Error> error;
  try {
    fresh = source->tags(patience);
    std::erase_if(fresh, [](const Tag& tag) { return !may_be_a_scenario(tag.name); });
    std::sort(fresh.begin(), fresh.end(), [](const Tag& a, const Tag& b) { return a.name < b.name; });
  } catch (const Error& e) {
    error = e;
  } catch (const std::exception& e) {
    error.emplace(Code::internal, e.what());
  }
  std::string news;
  lock.lock();
  if (error) {
    if (tags_since && may_pass(error->code()) && (!tags_error || std::string_view(tags_error->what()) != error->what()))
      news = error->what();
    tags_again = now() + std::min(limits.failure_ms_max, limits.tags_ms_max);
  } else {
    take_tags(std::move(fresh));
  }
  tags_error = std::move(error);
  if (!news.empty() && reports.skipped) {
    lock.unlock();
    reports.skipped("", "the list of tags is an old one: " + news);
    lock.lock();
  }
  asking = false;
  ++asked;
  read.notify_all();
}

/// With the lock.
void Catalogue::State::take_tags(std::vector<Tag> fresh) {
  tags = std::move(fresh);
  tags_since = now();
  std::erase_if(known, [&](const auto& entry) {
    const auto found =
        std::lower_bound(tags.begin(), tags.end(), entry.first, [](const Tag& t, const std::string& n) { return t.name < n; });
    return (found == tags.end() || found->name != entry.first) && pending.count(entry.first) == 0;
  });
  forget_unused();
}

/// With the lock. Images that no tag names any more, and nobody is about to give to a tag, were asked for by digest; they can be read
/// again.
void Catalogue::State::forget_unused() {
  std::erase_if(images, [&](const auto& entry) {
    if (entry.second.use_count() > 1) return false;
    images_bytes -= bytes_of(*entry.second);
    return true;
  });
}

/// With the lock. False when there is no room.
bool Catalogue::State::keep(const ImagePtr& image) {
  if (images.count(image->digest) != 0) return true;
  const size_t bytes = bytes_of(*image);
  const auto full = [&] { return images.size() >= limits.images_max || images_bytes + bytes > limits.images_bytes_max; };
  if (full()) forget_unused();
  if (full()) return false;
  images.emplace(image->digest, image);
  images_bytes += bytes;
  return true;
}

/// From memory when its digest is known, else from the registry.
ImagePtr Catalogue::State::image_of(const std::string& tag_or_digest, const std::optional<std::string>& digest, const Patience& patience,
                                    bool must_be_kept) {
  if (digest) {
    std::lock_guard lock(mutex);
    if (const auto found = images.find(*digest); found != images.end()) return found->second;
  }
  auto image = std::make_shared<const Image>(source->image(digest ? *digest : tag_or_digest, patience));
  std::lock_guard lock(mutex);
  if (!keep(image) && must_be_kept) {
    throw Error(Code::resource_exhausted, "there is no room for more than " + std::to_string(limits.images_max) +
                                              " images (images_max) or " + std::to_string(limits.images_bytes_max >> 20) +
                                              " MiB of labels (images_bytes_max)");
  }
  return image;
}

/// Throws Error(unavailable) when the registry could not be reached a moment ago.
void Catalogue::State::check_away() {
  std::lock_guard lock(mutex);
  if (now() < away_until) throw Error(Code::unavailable, away_because + "; it is asked again in a few seconds").with_reason(no_answer);
}

void Catalogue::State::note_away(const Error& e) {
  if (e.code() != Code::unavailable || e.reason() != no_answer) return;
  std::lock_guard lock(mutex);
  if (now() < away_until) return;
  away_until = now() + limits.away_ms_max;
  away_because = e.what();
}

/// The image that is there now, for somebody who waits.
ImagePtr Catalogue::State::image_now(const std::string& tag_or_digest, const Patience& patience) {
  check_away();
  try {
    return image_of(tag_or_digest, is_digest(tag_or_digest) ? std::optional(tag_or_digest) : source->digest_of_tag(tag_or_digest, patience),
                    patience, false);
  } catch (const Error& e) {
    note_away(e);
    throw;
  }
}

Known Catalogue::State::look(const Tag& tag, const Patience& patience) {
  Known fresh;
  try {
    check_away();  // of thousands of tags each would wait for its own time-out
    bool seen = false;
    {
      std::lock_guard lock(mutex);
      const auto found = known.find(tag.name);
      seen = found != known.end() && found->second.image != nullptr;
    }
    // Asking for the digest first pays only where the image is known.
    fresh.image = image_of(tag.name,
                           tag.digest ? tag.digest
                           : seen     ? source->digest_of_tag(tag.name, patience)
                                      : std::nullopt,
                           patience, true);
    const auto labels = read_labels(fresh.image->labels);
    fresh.listed = labels.listed();
    if (fresh.listed) fresh.globals_failure = labels.globals_failure;
    fresh.until = now() + limits.digest_ms_max;
  } catch (const Error& e) {
    note_away(e);
    fresh.away = e.reason() == no_answer;
    fresh.failure = e.what();
  } catch (const std::exception& e) {
    fresh.failure = e.what();
  }
  if (!fresh.failure.empty()) {
    fresh.failed_digest = tag.digest.value_or("");
    // An image that was read stays what it is, however little sense its labels make.
    fresh.until = now() + (fresh.away ? limits.away_ms_max : fresh.image ? limits.digest_ms_max : limits.failure_ms_max);
  }
  return fresh;
}

void Catalogue::State::refresh(const Tag& tag) {
  const Known fresh = look(tag, Patience(limits.read_ms_max));
  bool news = false, globals_news = false;
  std::string first_away;
  {
    std::lock_guard lock(mutex);
    Known& before = known[tag.name];
    globals_news = !fresh.globals_failure.empty() && fresh.globals_failure != before.globals_failure && !stopped;
    news = !fresh.failure.empty() && !fresh.away && fresh.failure != before.failure && !stopped;
    // Why the registry is away, whichever of the tags comes here first.
    if (fresh.away && !std::exchange(told_away, true) && !stopped) first_away = away_because;
    if (fresh.failure.empty()) told_away = false;
    if (fresh.failure.empty()) {
      before = fresh;
    } else {  // what was there before still is, as far as anybody knows
      before.failure = fresh.failure;
      before.failed_digest = fresh.failed_digest;
      before.until = fresh.until;
    }
  }
  if (news && reports.skipped) reports.skipped(tag.name, fresh.failure);  // before a list without it is answered
  if (globals_news && reports.without_globals) reports.without_globals(tag.name, fresh.globals_failure);
  if (!first_away.empty() && reports.skipped) reports.skipped("", "images are not read: " + first_away);
  std::unique_lock lock(mutex);
  pending.erase(tag.name);
  const size_t left = pending.size(), all = tags.size();
  read.notify_all();
  lock.unlock();
  if (reports.progress && left != 0 && left % progress_every == 0) reports.progress(all - std::min(left, all), all);
}

/// With the lock.
CatalogueEntry Catalogue::State::entry_of(const std::string& name, ImagePtr image) const {
  CatalogueEntry entry{name, std::move(image), {}, {}};
  const auto tag = std::lower_bound(tags.begin(), tags.end(), name, [](const Tag& t, const std::string& n) { return t.name < n; });
  if (tag != tags.end() && tag->name == name && tag->digest.value_or(entry.image->digest) == entry.image->digest) {
    entry.size = tag->size;
    entry.last_modified = tag->last_modified;
  }
  if (!entry.size) entry.size = entry.image->size;
  if (!entry.last_modified) entry.last_modified = entry.image->last_modified;
  return entry;
}

Catalogue::Catalogue(std::shared_ptr<Source> source, CatalogueLimits limits, Reports reports, Now now)
    : state_(std::make_shared<State>(std::move(source), limits, std::move(reports), std::move(now))), pool_(limits.fetches_max) {
  state_->submit_tags = [this](std::function<void()> task) { tags_pool_.submit(std::move(task)); };
}

Catalogue::~Catalogue() {
  stop();
}

void Catalogue::stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopped = true;  // first: what ends below is no news
    state_->read.notify_all();
  }
  state_->source->stop();
  tags_pool_.stop();
  pool_.stop();
}

void Catalogue::read_behind(const std::vector<const Tag*>& stale) {
  for (auto tag = stale.begin(); tag != stale.end(); ++tag) {
    try {
      pool_.submit([state = state_.get(), one = **tag] { state->refresh(one); });
    } catch (...) {  // nobody will come to the rest
      std::lock_guard lock(state_->mutex);
      for (; tag != stale.end(); ++tag) state_->pending.erase((*tag)->name);
      throw;
    }
  }
}

CatalogueList Catalogue::list(const Patience& patience) {
  CatalogueList list;
  const auto tags = state_->present_tags(patience, list.age);
  std::unique_lock lock(state_->mutex);
  const auto moment = state_->now();
  std::vector<const Tag*> stale;
  for (const auto& tag : tags) {
    const auto found = state_->known.find(tag.name);
    const bool current = found != state_->known.end() && found->second.current(tag, moment);
    if (!current && !state_->stopped && state_->pending.insert(tag.name).second) stale.push_back(&tag);
  }
  lock.unlock();
  read_behind(stale);
  lock.lock();
  size_t first_open = 0;
  list.partial = !patience.wait(state_->read, lock, state_->limits.list_wait_ms_max, [&] {
    while (first_open < tags.size() && state_->pending.count(tags[first_open].name) == 0) ++first_open;
    return first_open == tags.size() || state_->stopped;
  });
  if (state_->stopped) throw Error(Code::cancelled, "the registry is being closed");
  for (const auto& tag : tags) {
    const auto found = state_->known.find(tag.name);
    if (found != state_->known.end() && found->second.listed) list.entries.push_back(state_->entry_of(tag.name, found->second.image));
  }
  return list;
}

CatalogueEntry Catalogue::find(const std::string& tag_or_digest, const Patience& patience, const std::optional<std::string>& shown) {
  if (is_digest(tag_or_digest)) {
    {
      std::lock_guard lock(state_->mutex);
      if (const auto found = state_->images.find(tag_or_digest); found != state_->images.end())
        return state_->entry_of(tag_or_digest, found->second);
    }
    auto image = state_->image_now(tag_or_digest, patience);
    std::lock_guard lock(state_->mutex);
    return state_->entry_of(tag_or_digest, std::move(image));
  }
  if (!is_tag(tag_or_digest)) throw Error(Code::not_found, "no tag or digest can be named so").with_field("name");
  {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->known.find(tag_or_digest);
    if (found != state_->known.end() && found->second.image && found->second.failure.empty() && state_->now() < found->second.until &&
        (!shown || *shown == found->second.image->digest))
      return state_->entry_of(tag_or_digest, found->second.image);
  }
  auto image = state_->image_now(tag_or_digest, patience);
  std::lock_guard lock(state_->mutex);
  // Whether it is listed is for the list to find out: it looks at what moved.
  if (const auto found = state_->known.find(tag_or_digest); found != state_->known.end() && found->second.image != image)
    found->second.until = state_->now();
  return state_->entry_of(tag_or_digest, std::move(image));
}

}  // namespace operon::scenario_image
