#include "core/jobs/log_hub.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/jobs/log_archive.hpp"
#include "core/jobs/log_archiver.hpp"
#include "core/jobs/log_reader.hpp"
#include "core/jobs/log_upstream.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::jobs {
namespace {

constexpr std::chrono::milliseconds tend_every{1000};
constexpr size_t rings_bytes_max = 16u << 20;  ///< all rings together
constexpr size_t ring_bytes_min = 4u << 10;

bool file_name_safe(const std::string& id) {
  return !id.empty() && id.size() <= 128 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == std::string::npos;
}

}  // namespace

std::string dropped_marker(int64_t stalled_ms) {
  return "ERROR: dropped, this follower took nothing for " + std::to_string(stalled_ms / 1000) + " s while there was more to read\n";
}

/// Shared with readers and callbacks, which may outlive the hub.
struct LogHub::Impl {
  struct Shared {
    std::mutex mutex;
    std::condition_variable wake;
    std::unordered_map<std::string, std::shared_ptr<LiveLog>> live;
    std::unordered_set<std::shared_ptr<Follower>> followers;
    std::unordered_map<Follower*, std::shared_ptr<LiveLog>> followed;
    bool due = false, stopping = false;
    metrics::Gauge followers_gauge = metrics::gauge("operon_log_followers", "Readers of logs that are open");
    metrics::Counter dropped =
        metrics::counter("operon_log_followers_dropped_total", "Readers of logs that were dropped because they took nothing");

    void attention() {
      std::lock_guard lock(mutex);
      due = true;
      wake.notify_all();
    }
  };

  Impl(std::filesystem::path dir, const Runners& runners, LogLimits limits)
      : dir_(std::move(dir)), runners_(runners), limits_(limits), shared_(std::make_shared<Shared>()) {
    base::make_dirs(dir_);
    archiver_ =
        std::make_unique<LogArchiver>(dir_, limits_.archive_bytes_max, [this](const std::shared_ptr<LiveLog>& log) { packed(log); });
    thread_ = std::thread([this] { loop(); });
  }
  ~Impl() { stop(); }

  std::shared_ptr<LiveLog> find(const std::string& id) const {
    std::lock_guard lock(shared_->mutex);
    const auto found = shared_->live.find(id);
    return found == shared_->live.end() ? nullptr : found->second;
  }

  std::shared_ptr<LiveLog> make(const std::string& id) {
    std::lock_guard lock(shared_->mutex);
    auto& log = shared_->live[id];
    if (!log) {
      log = std::make_shared<LiveLog>(id, LogPaths(dir_, id), limits_, runners_, UpstreamTiming{}, [shared = std::weak_ptr(shared_)] {
        if (const auto alive = shared.lock()) alive->attention();
      });
      log->spool().bound_ring(ring_bytes(shared_->live.size()));
    }
    return log;
  }

  size_t ring_bytes(size_t logs) const {
    return std::min(limits_.ring_bytes_max, std::max(ring_bytes_min, rings_bytes_max / std::max<size_t>(1, logs)));
  }

  void loop();
  void tend();
  void sweep(int64_t now);
  void packed(const std::shared_ptr<LiveLog>&);
  void stop();
  std::unique_ptr<LogReader> open(const std::string& id, const LogOptions&, std::function<void()> waker);
  void attach_stored(ReaderParts&, const std::string& id) const;

  const std::filesystem::path dir_;
  const Runners& runners_;
  const LogLimits limits_;
  const std::shared_ptr<Shared> shared_;
  std::unique_ptr<LogArchiver> archiver_;
  std::thread thread_;
};

void LogHub::Impl::loop() {
  std::unique_lock lock(shared_->mutex);
  while (!shared_->stopping) {
    shared_->wake.wait_for(lock, tend_every, [this] { return shared_->due || shared_->stopping; });
    shared_->due = false;
    if (shared_->stopping) return;
    lock.unlock();
    tend();
    sweep(monotonic_ms());
    lock.lock();
  }
}

void LogHub::Impl::tend() {
  std::vector<std::shared_ptr<LiveLog>> logs;
  {
    std::lock_guard lock(shared_->mutex);
    logs.reserve(shared_->live.size());
    for (const auto& [id, log] : shared_->live) logs.push_back(log);
  }
  const int64_t now = monotonic_ms();
  const size_t ring = ring_bytes(logs.size());
  for (const auto& log : logs) {
    log->spool().bound_ring(ring);
    if (log->tend(now)) archiver_->post(log);
  }
}

/// Who took nothing for follower_stall_ms while there was something is let go: its stream is told at its next read, its place is free at
/// once.
void LogHub::Impl::sweep(int64_t now) {
  std::vector<std::shared_ptr<Follower>> dropped;
  {
    std::lock_guard lock(shared_->mutex);
    for (const auto& follower : shared_->followers) {
      if (follower->dropped || follower->waiting) continue;
      const auto log = shared_->followed.find(follower.get());
      const uint64_t end = log != shared_->followed.end() ? log->second->spool().end() : follower->target.load();
      if (follower->offset >= end) {
        follower->behind_since_ms = 0;
      } else if (follower->behind_since_ms == 0) {
        follower->behind_since_ms = now;
      } else if (now - std::max(follower->behind_since_ms.load(), follower->took_ms.load()) > limits_.follower_stall_ms) {
        follower->dropped = true;
        dropped.push_back(follower);
      }
    }
  }
  for (const auto& follower : dropped) {
    shared_->dropped.add();
    log::warn("a follower of a log was dropped: it took nothing while there was more");
    if (!follower->closed) follower->waker();
  }
}

/// The archive stands; whoever opens from now on reads it, whoever reads the spool goes on with it.
void LogHub::Impl::packed(const std::shared_ptr<LiveLog>& log) {
  {
    std::lock_guard lock(shared_->mutex);
    const auto found = shared_->live.find(log->id());
    if (found != shared_->live.end() && found->second == log) shared_->live.erase(found);
  }
  if (const auto done = log->take_done()) done();
}

void LogHub::Impl::stop() {
  std::vector<std::shared_ptr<LiveLog>> logs;
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->stopping) return;
    shared_->stopping = true;
    for (const auto& [id, log] : shared_->live) logs.push_back(log);
    shared_->wake.notify_all();
  }
  thread_.join();
  for (const auto& log : logs) log->stop();
  archiver_->stop();
}

void LogHub::Impl::attach_stored(ReaderParts& parts, const std::string& id) const {
  const LogPaths paths(dir_, id);
  parts.source = open_archive(paths.archive);
  if (!parts.source) {
    auto fd = std::make_shared<base::Fd>(::open(paths.spool.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (*fd) parts.source = std::make_shared<FileSource>(fd, paths.spool);
  }
  parts.marks = MarkFile::open_existing(paths.marks);
}

std::unique_ptr<LogReader> LogHub::Impl::open(const std::string& id, const LogOptions& options, std::function<void()> waker) {
  if (!file_name_safe(id)) throw Error(Code::not_found, "Job with ID '" + base::printable(id) + "' not found");
  ReaderParts parts;
  parts.log_bytes_max = limits_.log_bytes_max;
  parts.follower_stall_ms = limits_.follower_stall_ms;
  parts.follower = std::make_shared<Follower>();
  parts.follower->waker = std::move(waker);
  parts.live = find(id);
  if (parts.live && !parts.live->begun() && ::access(LogPaths(dir_, id).archive.c_str(), F_OK) == 0)
    parts.live.reset();  // finished before a restart
  if (parts.live) {
    parts.source = parts.live->spool().source();
    parts.marks = parts.live->spool().marks();
  } else {
    attach_stored(parts, id);
  }
  if (options.tail_lines && parts.source && !(options.ended && parts.live)) {
    const uint64_t end = parts.live ? parts.live->spool().end() : parts.source->size();
    parts.begin = tail_start(*parts.source, end, *options.tail_lines);
  }
  const auto follower = parts.follower;
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->followers.size() >= limits_.followers_max) {
      throw Error(Code::resource_exhausted,
                  std::to_string(limits_.followers_max) + " logs are being read already (followers_max): try again later");
    }
    shared_->followers.insert(follower);
    if (parts.live) shared_->followed[follower.get()] = parts.live;
    shared_->followers_gauge.set(static_cast<double>(shared_->followers.size()));
  }
  if (parts.live) parts.live->spool().follow(1);
  parts.closed = [shared = shared_, follower] {
    std::lock_guard lock(shared->mutex);
    shared->followers.erase(follower);
    shared->followed.erase(follower.get());
    shared->followers_gauge.set(static_cast<double>(shared->followers.size()));
  };
  return make_reader(std::move(parts), options);
}

LogHub::LogHub(std::filesystem::path dir, const Runners& runners, LogLimits limits)
    : impl_(std::make_unique<Impl>(std::move(dir), runners, limits)) {}
LogHub::~LogHub() = default;

void LogHub::expect(const std::string& job_id) {
  if (file_name_safe(job_id)) impl_->make(job_id);
}

void LogHub::begin(const std::string& job_id, const std::string& runner, const std::optional<kinds::job_runner::Handle>& handle) {
  if (!file_name_safe(job_id)) return;
  const LogPaths paths(impl_->dir_, job_id);
  if (::access(paths.archive.c_str(), F_OK) == 0) return;  // finished in a life before this one
  impl_->make(job_id)->begin(runner, handle);
}

void LogHub::end(const std::string& job_id, std::function<void()> done) {
  const auto log = impl_->find(job_id);
  if (!log) return done();
  const LogPaths paths(impl_->dir_, job_id);
  if (!log->begun() && ::access(paths.archive.c_str(), F_OK) == 0) {
    ::unlink(paths.spool.c_str());
    std::lock_guard lock(impl_->shared_->mutex);
    impl_->shared_->live.erase(job_id);
  } else {
    return log->end(std::move(done));
  }
  log->spool().finish(false);
  done();
}

bool LogHub::has(const std::string& job_id) const {
  if (!file_name_safe(job_id)) return false;
  if (impl_->find(job_id)) return true;
  const LogPaths paths(impl_->dir_, job_id);
  return ::access(paths.archive.c_str(), F_OK) == 0 || ::access(paths.spool.c_str(), F_OK) == 0;
}

void LogHub::keep(const std::string& job_id, std::string_view text) {
  if (!file_name_safe(job_id) || has(job_id)) return;
  base::write_file_atomic(LogPaths(impl_->dir_, job_id).spool, text);
}

void LogHub::forget(const std::string& job_id) {
  if (!file_name_safe(job_id)) return;
  if (const auto log = impl_->find(job_id)) {
    log->stop();
    log->spool().finish(false);
    std::lock_guard lock(impl_->shared_->mutex);
    impl_->shared_->live.erase(job_id);
  }
  impl_->archiver_->forget(LogPaths(impl_->dir_, job_id));
}

std::unique_ptr<LogReader> LogHub::open(const std::string& job_id, const LogOptions& options, std::function<void()> waker) {
  return impl_->open(job_id, options, std::move(waker));
}

std::string LogHub::tail(const std::string& job_id, size_t bytes_max) const {
  if (!file_name_safe(job_id)) return {};
  ReaderParts parts;
  if (const auto live = impl_->find(job_id)) {
    parts.source = live->spool().source();
  } else {
    impl_->attach_stored(parts, job_id);
  }
  if (!parts.source) return {};
  const uint64_t end = parts.source->size();
  std::string bytes(static_cast<size_t>(std::min<uint64_t>(bytes_max, end)), '\0');
  bytes.resize(parts.source->read_at(end - bytes.size(), bytes.data(), bytes.size()));
  return bytes;
}

void LogHub::stop() {
  impl_->stop();
}

}  // namespace operon::jobs
