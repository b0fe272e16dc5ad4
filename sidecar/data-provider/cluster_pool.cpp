#include "cluster_pool.hpp"

#include <pthread.h>

#include <algorithm>

#include "core/base/idle_memory.hpp"
#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "core/kube/config.hpp"
#include "operon/error.hpp"

namespace operon::data_provider {
namespace {

using std::chrono::steady_clock;

/// Every fault of a kubeconfig is the caller's argument, whatever the one who found it calls it.
template <class Function>
auto argument(Function&& function) {
  try {
    return function();
  } catch (const Error& e) {
    throw Error(Code::invalid_argument, e.what());
  }
}

}  // namespace

std::string decode_kubeconfig(std::string_view base64, size_t bytes_max) {
  if (base64.empty()) throw Error(Code::invalid_argument, "kubeconfig_base64: is empty; send a kubeconfig as base64");
  // `base64` wraps its lines at 76 columns; Go's and Python's decoders skip the breaks.
  std::string packed;
  packed.reserve(base64.size());
  for (const char c : base64) {
    if (c != '\n' && c != '\r') packed += c;
  }
  if (packed.size() / 4 * 3 > bytes_max + 2) {
    throw Error(Code::invalid_argument, "kubeconfig_base64: larger than " + base::bytes_text(bytes_max) + " (kubeconfig_bytes_max)");
  }
  auto text = base::base64_decode(packed);
  if (!text) throw Error(Code::invalid_argument, "kubeconfig_base64: is not base64");
  return std::move(*text);
}

/// Where clients end. A client's end waits for its thread, and the last one to hold it is often that very thread.
struct ClusterPool::Graveyard {
  std::mutex mutex;
  std::condition_variable filled;
  std::vector<std::unique_ptr<kube::Client>> clients;
  size_t living = 0;  // and those that have yet to end: their threads must not outlive the pool
  steady_clock::time_point next_look = steady_clock::time_point::max();
  bool closing = false;
};

ClusterPool::ClusterPool(ClusterPoolLimits limits) : limits_(limits), graveyard_(std::make_shared<Graveyard>()) {
  janitor_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "clusters");
    tidy_up();
  });
}

ClusterPool::~ClusterPool() {
  {
    std::lock_guard lock(mutex_);
    by_digest_.clear();
    entries_.clear();
  }
  {
    std::lock_guard lock(graveyard_->mutex);
    graveyard_->closing = true;
    graveyard_->filled.notify_one();
  }
  janitor_.join();
}

/// With the lock held.
const ClusterPool::Cluster* ClusterPool::known(const std::string& digest) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  used_now();
  return &found->second->cluster;
}

/// The first entry is. With the lock held.
void ClusterPool::used_now() {
  entries_.front().used = steady_clock::now();
  if (!quiet_) return;
  quiet_ = false;
  look_again_at(entries_.front().used + limits_.quiet_ms);
}

void ClusterPool::look_again_at(steady_clock::time_point when) {
  std::lock_guard lock(graveyard_->mutex);
  graveyard_->next_look = std::min(graveyard_->next_look, when);
  graveyard_->filled.notify_one();
}

std::optional<ClusterPool::Cluster> ClusterPool::find(std::string_view kubeconfig_base64) {
  const std::string digest = base::sha256_hex(kubeconfig_base64);
  std::lock_guard lock(mutex_);
  const auto* cluster = known(digest);
  return cluster ? std::optional(*cluster) : std::nullopt;
}

ClusterPool::Cluster ClusterPool::get(std::string_view kubeconfig_base64) {
  std::string digest = base::sha256_hex(kubeconfig_base64);
  {
    std::lock_guard lock(mutex_);
    if (const auto* cluster = known(digest)) return *cluster;
  }
  // Without the lock: reading a kubeconfig takes its time, and the others need not wait for it.
  auto config = argument([&] {
    const std::string text = decode_kubeconfig(kubeconfig_base64, limits_.kubeconfig_bytes_max);
    return kube::from_untrusted(text, "kubeconfig", "", limits_.link_local);
  });
  kube::ClientLimits client_limits;
  client_limits.requests_max = limits_.requests_per_cluster_max;
  client_limits.connections_kept_max = 2;
  client_limits.response_bytes_max = limits_.response_bytes_max;
  Cluster cluster;
  auto client = std::make_unique<kube::Client>(std::move(config), client_limits);
  {
    std::lock_guard lock(graveyard_->mutex);
    ++graveyard_->living;
  }
  cluster.client = Client(client.release(), [graveyard = graveyard_](kube::Client* ended) {
    std::lock_guard lock(graveyard->mutex);
    graveyard->clients.emplace_back(ended);
    graveyard->filled.notify_one();
  });
  cluster.nodes = std::make_shared<SharedList>(limits_.nodes);
  Cluster dropped;  // after the lock
  std::lock_guard lock(mutex_);
  if (const auto* other = known(digest)) {  // somebody else was faster
    dropped = std::move(cluster);
    return *other;
  }
  entries_.push_front({std::move(digest), cluster, {}});
  by_digest_.emplace(entries_.front().digest, entries_.begin());
  used_now();
  if (entries_.size() > limits_.clusters_max) {
    dropped = std::move(entries_.back().cluster);
    by_digest_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  return cluster;
}

size_t ClusterPool::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

/// Closes what was not used for long; gives memory back when nothing was used for a while. When to look again.
steady_clock::time_point ClusterPool::let_go_of_idle() {
  std::vector<Cluster> idle;  // after the lock
  std::unique_lock lock(mutex_);
  const auto now = steady_clock::now();
  while (!entries_.empty() && entries_.back().used + limits_.idle_ms_max <= now) {
    idle.push_back(std::move(entries_.back().cluster));
    by_digest_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  auto next = entries_.empty() ? steady_clock::time_point::max() : entries_.back().used + limits_.idle_ms_max;
  const bool quiet = entries_.empty() || entries_.front().used + limits_.quiet_ms <= now;
  if (!quiet) next = std::min(next, entries_.front().used + limits_.quiet_ms);
  const bool release = quiet && (!quiet_ || !idle.empty());
  quiet_ = quiet;
  if (release) {
    for (const auto& entry : entries_) entry.cluster.nodes->forget();
  }
  lock.unlock();
  idle.clear();
  if (release) base::release_idle_memory();
  return next;
}

void ClusterPool::tidy_up() {
  Graveyard& yard = *graveyard_;
  const auto over = [&] { return yard.closing && yard.living == 0; };
  const auto wanted = [&] { return over() || !yard.clients.empty(); };
  std::unique_lock lock(yard.mutex);
  while (!over()) {
    const auto when = yard.next_look;
    if (when == steady_clock::time_point::max()) {
      yard.filled.wait(lock, [&] { return wanted() || yard.next_look != when; });
    } else {
      yard.filled.wait_until(lock, when, [&] { return wanted() || yard.next_look < when; });
    }
    auto ended = std::move(yard.clients);
    yard.clients.clear();
    const bool look = steady_clock::now() >= yard.next_look;
    if (look) yard.next_look = steady_clock::time_point::max();
    lock.unlock();
    const size_t count = ended.size();
    ended.clear();
    const auto next = look ? let_go_of_idle() : steady_clock::time_point::max();
    lock.lock();
    yard.living -= count;
    yard.next_look = std::min(yard.next_look, next);
  }
}

}  // namespace operon::data_provider
