/// core/kube/informer.hpp: a cache of one kind of object that follows the API server. Shared by everybody who wants to know.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/kube/answer.hpp"
#include "core/kube/client.hpp"
#include "core/kube/object.hpp"
#include "core/kube/object_cache.hpp"
#include "core/kube/resource.hpp"
#include "core/kube/watch.hpp"

namespace operon::kube {

struct InformerOptions {
  std::string name_space;  ///< empty = all
  std::string label_selector, field_selector;
  Trim trim;
  unsigned page = 500;
  bool streaming_list = true;  ///< asked for where the server has it
  WatchTuning watch;
};

/// Thread-safe. Reads never wait for the API server. It never goes back: an event or list older than what it knows of an object (by
/// watching, or by note_written) is not taken.
class Informer {
 public:
  /// Called on the client's thread, in the order of changes, and must be quick: put the key into a queue.
  using Handler = std::function<void(const Change&)>;
  /// An object that cannot be taken in; it is left out and the rest goes on.
  using Skipped = std::function<void(std::string_view name, const Error&)>;

  /// The client must outlive it.
  Informer(Client&, Resource, InformerOptions = {});
  ~Informer();  ///< stops; no handler is called afterwards. Not from within a handler.

  /// Before start().
  void on_change(Handler);
  void on_skipped(Skipped);

  void start();
  /// The first list is in.
  bool synced() const;
  /// False when `timeout` ends first.
  bool wait_synced(std::chrono::milliseconds timeout) const;
  /// Why it is not in step with the server at the moment; empty = it is.
  std::string trouble() const;

  ObjectPtr get(std::string_view key) const;
  /// Ordered by key.
  std::vector<ObjectPtr> list(std::string_view name_space = {}) const;
  /// At most `count` with keys after `after`.
  std::vector<ObjectPtr> page(std::string_view after, size_t count) const;
  size_t size() const;

  /// What the server answered to a write of ours: readers see it at once, and nothing older afterwards. Objects that the selectors leave
  /// out must not be noted.
  void note_written(const Answer&);
  void note_written(const nlohmann::json& object);
  /// The same where only the version is known: get() and list() go on showing the older one, and behind() says so.
  void note_written(std::string_view key, std::string_view resource_version);
  void note_removed(std::string_view key);
  /// The cache has not yet seen what we have written of it.
  bool behind(std::string_view key) const;
  /// Blocks until it has; false when `timeout` ends first. Not on the client's thread.
  bool wait_current(std::string_view key, std::chrono::milliseconds timeout) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace operon::kube
