/// core/kube/object_cache.hpp: the objects an informer knows, and what may replace what. No I/O, no threads of its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/kube/object.hpp"

namespace operon::kube {

struct Change {
  ObjectPtr before;  ///< absent = new
  ObjectPtr now;     ///< absent = gone
};

/// Not thread-safe. Never goes back: something older than what is known of an object is not taken.
class ObjectCache {
 public:
  /// A list begins: what it does not name goes at its end.
  void begin_list();
  /// An object of a list or an event. Absent = nothing changed by it.
  std::optional<Change> put(ObjectPtr);
  /// A deletion seen by the watch; `last` is the object as it was then.
  std::optional<Change> remove(const Object& last);
  /// The list was as of `version`. What it did not name and is not newer is gone.
  std::vector<Change> end_list(uint64_t version);
  /// Everything up to `version` has been seen (events and bookmarks come in order).
  void seen(uint64_t version);

  /// An answer to a write of ours, perhaps older than what the watch has shown meanwhile.
  std::optional<Change> put_written(ObjectPtr);
  void note_version(std::string_view key, uint64_t version);
  std::optional<Change> remove_written(std::string_view key);
  bool behind(std::string_view key) const;

  ObjectPtr get(std::string_view key) const;
  std::vector<ObjectPtr> list(std::string_view name_space) const;
  std::vector<ObjectPtr> page(std::string_view after, size_t count) const;
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    ObjectPtr object;
    uint32_t list = 0;  ///< the last one that named it
  };
  void settle(std::string_view key, uint64_t version);

  std::map<std::string_view, Entry> entries_;  ///< each key is its object's own text
  std::map<std::string, uint64_t, std::less<>> written_;
  std::set<std::string, std::less<>> removed_uids_;  ///< deleted by us; the watch has not said so yet
  uint64_t seen_ = 0;
  uint32_t list_ = 0;
};

}  // namespace operon::kube
