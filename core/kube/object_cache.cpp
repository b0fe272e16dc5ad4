#include "core/kube/object_cache.hpp"

#include <algorithm>

namespace operon::kube {
namespace {

/// Both known, and the first one is before the second.
bool older(uint64_t a, uint64_t b) {
  return a != 0 && b != 0 && a < b;
}

}  // namespace

void ObjectCache::begin_list() {
  ++list_;
}

std::optional<Change> ObjectCache::put(ObjectPtr object) {
  if (!removed_uids_.empty() && removed_uids_.contains(object->uid())) return std::nullopt;
  settle(object->key(), object->version());
  const auto found = entries_.find(object->key());
  if (found == entries_.end()) {
    const auto key = object->key();
    entries_.emplace(key, Entry{object, list_});
    return Change{nullptr, std::move(object)};
  }
  found->second.list = list_;
  const ObjectPtr before = found->second.object;
  if (older(object->version(), before->version()) || object->resource_version() == before->resource_version()) return std::nullopt;
  const auto next = std::next(found);
  auto node = entries_.extract(found);
  node.key() = object->key();  // of the same text, but it lives in the object
  node.mapped().object = object;
  entries_.insert(next, std::move(node));
  return Change{before, std::move(object)};
}

std::optional<Change> ObjectCache::remove(const Object& last) {
  if (const auto uid = removed_uids_.find(last.uid()); uid != removed_uids_.end()) removed_uids_.erase(uid);
  settle(last.key(), last.version());
  const auto found = entries_.find(last.key());
  // Deleted and made again under the same name, and we know the new one already from our own write.
  if (found == entries_.end() || older(last.version(), found->second.object->version())) return std::nullopt;
  Change change{found->second.object, nullptr};
  entries_.erase(found);
  return change;
}

std::vector<Change> ObjectCache::end_list(uint64_t version) {
  std::vector<Change> gone;
  for (auto it = entries_.begin(); it != entries_.end();) {
    // What is newer than the list was written by us after it was made.
    if (it->second.list == list_ || older(version, it->second.object->version())) {
      ++it;
      continue;
    }
    gone.push_back({it->second.object, nullptr});
    it = entries_.erase(it);
  }
  removed_uids_.clear();
  seen(version);
  return gone;
}

void ObjectCache::seen(uint64_t version) {
  if (version <= seen_) return;
  seen_ = version;
  std::erase_if(written_, [&](const auto& entry) { return entry.second <= version; });
}

void ObjectCache::settle(std::string_view key, uint64_t version) {
  if (written_.empty()) return;
  const auto found = written_.find(key);
  if (found != written_.end() && found->second <= version) written_.erase(found);
}

std::optional<Change> ObjectCache::put_written(ObjectPtr object) {
  const auto found = entries_.find(object->key());
  // The watch is past this write and does not know the object any more: it was deleted since.
  if (found == entries_.end() && object->version() != 0 && object->version() <= seen_) return std::nullopt;
  return put(std::move(object));
}

void ObjectCache::note_version(std::string_view key, uint64_t version) {
  const auto found = entries_.find(key);
  if (version == 0 || version <= seen_ || (found != entries_.end() && found->second.object->version() >= version)) return;
  const auto known = written_.find(key);
  if (known == written_.end()) {
    written_.emplace(std::string(key), version);
  } else {
    known->second = std::max(known->second, version);
  }
}

std::optional<Change> ObjectCache::remove_written(std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Change change{found->second.object, nullptr};
  removed_uids_.emplace(change.before->uid());
  entries_.erase(found);
  return change;
}

bool ObjectCache::behind(std::string_view key) const {
  return written_.contains(key);
}

ObjectPtr ObjectCache::get(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.object;
}

std::vector<ObjectPtr> ObjectCache::list(std::string_view name_space) const {
  std::vector<ObjectPtr> all;
  if (name_space.empty()) {
    all.reserve(entries_.size());
    for (const auto& [key, entry] : entries_) all.push_back(entry.object);
    return all;
  }
  const std::string first = std::string(name_space) + "/";
  for (auto it = entries_.lower_bound(first); it != entries_.end() && it->first.starts_with(first); ++it) all.push_back(it->second.object);
  return all;
}

std::vector<ObjectPtr> ObjectCache::page(std::string_view after, size_t count) const {
  std::vector<ObjectPtr> some;
  for (auto it = after.empty() ? entries_.begin() : entries_.upper_bound(after); it != entries_.end() && some.size() < count; ++it) {
    some.push_back(it->second.object);
  }
  return some;
}

}  // namespace operon::kube
