#include "core/targets/local_targets.hpp"

#include <map>
#include <mutex>
#include <set>

#include "core/base/clock.hpp"
#include "core/base/ids.hpp"
#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "core/targets/kubeconfig_check.hpp"
#include "core/targets/target_client.hpp"

namespace operon::targets {

namespace tp = kinds::target_provider;

namespace {

/// A use is written down at most this often; expiry may be early by as much.
constexpr int64_t use_saved_ms = 600'000;

struct Entry {
  TargetRequest request;
  std::map<std::string, plugin::CallHandle> waiting;  ///< providers that have not answered
  std::map<std::string, std::string> failures;        ///< provider -> why
  int64_t asked_unix_ms = 0;
  int64_t saved_use_unix_ms = 0;
  bool dirty = false;  ///< the store is behind
};

std::string seconds_text(std::chrono::milliseconds ms) {
  return ms.count() % 1000 ? std::to_string(ms.count()) + " ms" : std::to_string(ms.count() / 1000) + " s";
}

}  // namespace

struct LocalTargets::Impl : std::enable_shared_from_this<LocalTargets::Impl> {
  Impl(plugin::Directory directory_in, std::shared_ptr<TargetRequestStore> store_in, base::Clock& clock_in, TargetLimits limits_in)
      : directory(std::move(directory_in)), store(std::move(store_in)), clock(clock_in), limits(limits_in) {
    for (auto& request : store->load()) {
      Entry entry;
      entry.saved_use_unix_ms = request.last_used_unix_ms;
      entry.asked_unix_ms = clock.unix_ms();
      entry.request = std::move(request);
      const auto id = entry.request.id;
      entries.emplace(id, std::move(entry));
    }
    kept.set(static_cast<double>(entries.size()));
  }

  plugin::Directory directory;
  std::shared_ptr<TargetRequestStore> store;
  base::Clock& clock;
  const TargetLimits limits;

  std::mutex store_mutex;  ///< taken before `mutex`: the store sees states in order
  std::mutex mutex;
  std::map<std::string, Entry, std::less<>> entries;
  bool stopped = false;

  metrics::Counter made = metrics::counter("operon_target_requests_total", "Target requests made.");
  metrics::Counter refused =
      metrics::counter("operon_target_requests_refused_total", "Target requests refused because target_requests_max are kept.");
  metrics::Gauge kept = metrics::gauge("operon_target_requests", "Target requests that are kept.");

  void complete(Entry& e, int64_t now) {
    auto& r = e.request;
    r.status = RequestStatus::completed;
    r.completed_unix_ms = now;
    r.conditions.clear();
    if (!e.failures.empty()) {
      std::string message;
      for (const auto& [provider, why] : e.failures) message += (message.empty() ? "" : "; ") + provider + ": " + why;
      r.conditions.push_back({"Partial", "ProvidersFailed", message, now});
    }
    e.dirty = true;
  }

  /// A provider answered, or failed to. On the provider's thread: memory only, the store follows at the next question.
  void answered(const std::string& id, const std::string& provider, ListOutcome outcome) {
    std::string why;
    if (outcome.error)
      why = outcome.error->code() == Code::deadline_exceeded ? "did not answer within " + seconds_text(limits.provider_answer_ms_max)
                                                             : base::scrub(outcome.error->what());
    {
      std::lock_guard lock(mutex);
      const auto it = entries.find(id);
      if (it == entries.end() || stopped) return;
      Entry& e = it->second;
      if (e.waiting.erase(provider) == 0) return;
      if (outcome.error)
        e.failures[provider] = why;
      else
        e.request.target_data[provider] = std::move(outcome.clusters);
      if (e.waiting.empty()) complete(e, clock.unix_ms());
    }
    if (!why.empty()) log::warn("a target provider failed", {{"provider", provider}, {"target_request", id}, {"reason", why}});
  }

  void ask(const std::string& id, const std::vector<std::shared_ptr<plugin::Instance>>& providers) {
    for (const auto& instance : providers) {
      const TargetClient client(instance);
      const std::string& name = client.name();
      plugin::CallHandle handle;
      try {
        handle = client.list(limits.provider_answer_ms_max, limits.clusters_max,
                             [self = shared_from_this(), id, name](ListOutcome outcome) { self->answered(id, name, std::move(outcome)); });
      } catch (const Error& e) {
        answered(id, name, {{}, e});
        continue;
      }
      std::lock_guard lock(mutex);
      if (const auto it = entries.find(id); it != entries.end())
        if (const auto w = it->second.waiting.find(name); w != it->second.waiting.end()) w->second = handle;
    }
  }

  /// Belt to the calls' own deadlines: whoever is missing after request_ms_max is named and not waited for. What is appended to `late` is
  /// to be cancelled without the lock: a cancelled call may end on this thread.
  void settle_overdue(Entry& e, int64_t now, std::vector<plugin::CallHandle>& late) {
    if (e.request.status == RequestStatus::completed || now - e.asked_unix_ms < limits.request_ms_max.count()) return;
    for (const auto& [provider, handle] : e.waiting) {
      e.failures[provider] = "did not answer within " + seconds_text(limits.request_ms_max);
      late.push_back(handle);
    }
    e.waiting.clear();
    complete(e, now);
  }

  bool expired(const Entry& e, int64_t now) const {
    return limits.kept_seconds_after_use > 0 && e.request.status == RequestStatus::completed &&
           now - e.request.last_used_unix_ms >= limits.kept_seconds_after_use * 1000;
  }

  void forget(const std::vector<std::string>& ids) {
    for (const auto& id : ids) {
      std::lock_guard store_lock(store_mutex);
      try {
        store->remove(id);
      } catch (const Error& e) {
        log::warn("an expired target request stays in the store", {{"target_request", id}, {"reason", e.what()}});
      }
    }
  }

  void sweep() {
    std::vector<std::string> gone;
    std::vector<plugin::CallHandle> late;
    {
      std::lock_guard lock(mutex);
      const auto now = clock.unix_ms();
      for (auto it = entries.begin(); it != entries.end();) {
        settle_overdue(it->second, now, late);
        if (!expired(it->second, now)) {
          ++it;
          continue;
        }
        gone.push_back(it->first);
        it = entries.erase(it);
      }
      kept.set(static_cast<double>(entries.size()));
    }
    for (const auto& handle : late) handle.cancel();
    forget(gone);
  }

  /// Brings the store up to the present state of one request. Throws what the store throws.
  void persist(const std::string& id) {
    std::lock_guard store_lock(store_mutex);
    TargetRequest copy;
    {
      std::lock_guard lock(mutex);
      const auto it = entries.find(id);
      if (it == entries.end()) return;
      it->second.dirty = false;
      it->second.saved_use_unix_ms = it->second.request.last_used_unix_ms;
      copy = it->second.request;
    }
    try {
      store->save(copy);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (const auto it = entries.find(id); it != entries.end()) it->second.dirty = true;
      throw;
    }
  }

  void persist_or_log(const std::string& id) {
    try {
      persist(id);
    } catch (const Error& e) {
      log::warn("a target request could not be saved; it is asked again after a restart", {{"target_request", id}, {"reason", e.what()}});
    }
  }
};

LocalTargets::LocalTargets(plugin::Directory directory, std::shared_ptr<TargetRequestStore> store, base::Clock& clock, TargetLimits limits)
    : impl_(std::make_shared<Impl>(std::move(directory), std::move(store), clock, limits)) {}

LocalTargets::~LocalTargets() {
  stop();
}

void LocalTargets::resume() {
  const auto providers = impl_->directory.offering(tp::id);
  std::vector<std::string> pending;
  {
    std::lock_guard lock(impl_->mutex);
    const auto now = impl_->clock.unix_ms();
    for (auto& [id, e] : impl_->entries) {
      if (e.request.status == RequestStatus::completed) continue;
      e.asked_unix_ms = now;
      e.request.target_data.clear();
      for (const auto& p : providers) e.waiting[p->name()];
      if (providers.empty())
        impl_->complete(e, now);
      else
        pending.push_back(id);
    }
  }
  for (const auto& id : pending) impl_->ask(id, providers);
  impl_->sweep();
}

void LocalTargets::stop() {
  std::vector<plugin::CallHandle> handles;
  std::vector<std::string> dirty;
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->stopped) return;
    impl_->stopped = true;
    for (auto& [id, e] : impl_->entries) {
      for (auto& [provider, handle] : e.waiting) handles.push_back(handle);
      if (e.dirty) dirty.push_back(id);
    }
  }
  for (const auto& handle : handles) handle.cancel();
  for (const auto& id : dirty) impl_->persist_or_log(id);
}

std::string LocalTargets::create() {
  const auto providers = impl_->directory.offering(tp::id);
  if (providers.empty()) throw no_provider();
  impl_->sweep();

  Entry entry;
  entry.request.id = base::uuid_v4();
  const auto now = impl_->clock.unix_ms();
  entry.request.created_unix_ms = entry.request.last_used_unix_ms = entry.saved_use_unix_ms = entry.asked_unix_ms = now;
  for (const auto& p : providers) entry.waiting[p->name()];
  const std::string id = entry.request.id;
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->stopped) throw Error(Code::unavailable, "the host is stopping");
    if (impl_->entries.size() >= impl_->limits.target_requests_max) {
      impl_->refused.add();
      log::warn("target_requests_max is reached; a target request was refused",
                {{"target_requests_max", std::to_string(impl_->limits.target_requests_max)}});
      throw Error(Code::resource_exhausted, "target_requests_max (" + std::to_string(impl_->limits.target_requests_max) +
                                                ") target requests are kept already; unused ones expire, or raise the limit");
    }
    impl_->entries.emplace(id, std::move(entry));
    impl_->kept.set(static_cast<double>(impl_->entries.size()));
  }
  try {
    impl_->persist(id);
  } catch (...) {
    std::lock_guard lock(impl_->mutex);
    impl_->entries.erase(id);
    throw;
  }
  impl_->made.add();
  impl_->ask(id, providers);
  return id;
}

std::optional<TargetRequest> LocalTargets::find(std::string_view id) {
  std::optional<TargetRequest> found;
  bool save = false, gone = false;
  std::vector<plugin::CallHandle> late;
  {
    std::lock_guard lock(impl_->mutex);
    const auto it = impl_->entries.find(id);
    if (it == impl_->entries.end()) return std::nullopt;
    Entry& e = it->second;
    const auto now = impl_->clock.unix_ms();
    impl_->settle_overdue(e, now, late);
    if (impl_->expired(e, now)) {
      gone = true;
      impl_->entries.erase(it);
      impl_->kept.set(static_cast<double>(impl_->entries.size()));
    } else {
      e.request.last_used_unix_ms = now;
      save = e.dirty || now - e.saved_use_unix_ms >= use_saved_ms;
      found = e.request;
    }
  }
  for (const auto& handle : late) handle.cancel();
  if (gone) impl_->forget({std::string(id)});
  if (save) impl_->persist_or_log(std::string(id));
  return found;
}

ClusterAccess LocalTargets::access(const ClusterKey& key) {
  const auto request = find(key.target_id);
  if (!request) throw Error(Code::not_found, "Secret with id '" + base::printable(key.target_id) + "' not found");
  ClusterAccess access = locate(*request, key);

  const auto instance = impl_->directory.find(access.provider);
  if (!instance)
    throw Error(Code::unavailable,
                "target provider '" + access.provider + "', which knows cluster '" + base::printable(key.cluster_name) + "', is not ready");
  try {
    auto answer = TargetClient(instance).get(access.cluster_name, impl_->limits.kubeconfig_ms_max);
    if (!answer.cluster_api_url.empty()) access.cluster_api_url = std::move(answer.cluster_api_url);
    access.kubeconfig = std::move(answer.kubeconfig);
  } catch (const Error& e) {
    if (e.code() != Code::not_found) throw;
    throw Error(Code::not_found, "Kubeconfig for cluster '" + base::printable(key.cluster_name) + "' not found in secret");
  }
  if (access.kubeconfig) check_kubeconfig(*access.kubeconfig, access.cluster_name);
  return access;
}

}  // namespace operon::targets
