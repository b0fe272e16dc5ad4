#include "core/jobs/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "core/base/files.hpp"
#include "core/jobs/commit_queue.hpp"
#include "core/jobs/page_cache.hpp"
#include "core/jobs/sqlite_connection.hpp"
#include "core/jobs/sqlite_rows.hpp"
#include "core/jobs/sqlite_schema.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {
namespace {

using kinds::job_runner::to_string;
using sqlite::Connection;

/// Reading connections, lent one question at a time.
class ReadPool {
 public:
  ReadPool(std::filesystem::path file, unsigned max, int busy_timeout_ms)
      : file_(std::move(file)), max_(max), busy_timeout_ms_(busy_timeout_ms) {}

  template <class F>
  auto with(F&& question) {
    struct Lent {
      ReadPool& pool;
      std::unique_ptr<Connection> connection;
      ~Lent() { pool.give_back(std::move(connection)); }
    } lent{*this, take()};
    if (!lent.connection) lent.connection = std::make_unique<Connection>(file_, true, busy_timeout_ms_);
    return question(*lent.connection);
  }

 private:
  std::unique_ptr<Connection> take() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return lent_ < max_; });
    ++lent_;
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  void give_back(std::unique_ptr<Connection> connection) {
    std::lock_guard lock(mutex_);
    --lent_;
    if (connection) idle_.push_back(std::move(connection));
    free_.notify_one();
  }

  const std::filesystem::path file_;
  const unsigned max_;
  const int busy_timeout_ms_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Connection>> idle_;
  unsigned lent_ = 0;
};

void put_job(Connection& c, const JobRecord& record, const char* verb) {
  const Job& job = record.job;
  const std::string text = sqlite::record_text(record);
  auto statement = c.statement(
      std::string(verb) +
      " INTO jobs (id, created, ended, phase, target_id, cluster_name, scenario_name, end_time, cleanup, revision, record, json, "
      "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.bind(job.id).bind(job.created_unix_ms).bind(int64_t{job.ended()}).bind(to_string(job.phase)).bind(job.target_id);
  statement.bind(job.cluster_name).bind(job.scenario_name).bind(job.end_unix_ms).bind(static_cast<int64_t>(record.cleanup));
  statement.bind(static_cast<int64_t>(job.revision)).bind(text).bind(record.json);
  statement.bind(sqlite::checksum(job.id, text, record.json)).run();
}

void drop_pending(Connection& c, const std::string& id) {
  c.statement("DELETE FROM pending_requests WHERE id = ?").bind(id).run();
  c.statement("DELETE FROM pending_blobs WHERE id = ?").bind(id).run();
}

/// Damaged rows are told and left out, so that one of them does not hide the others.
std::vector<JobRecord> read_records(sqlite::Statement& rows) {
  std::vector<JobRecord> records;
  while (rows.step()) {
    try {
      records.push_back(sqlite::read_record(rows));
    } catch (const Error& e) {
      log::error("a record of the state store is left out", {{"error", e.what()}});
    }
  }
  return records;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(const std::filesystem::path& file, const SqliteLimits& limits, std::unique_ptr<Connection> writer, base::Fd lock)
      : lock_(std::move(lock)),
        pages_(limits.pages_kept_bytes_max),
        writer_(std::move(writer), limits),
        readers_(file, limits.read_connections_max, static_cast<int>(limits.busy_timeout_ms.count())) {}

  bool insert(const JobRecord& record, const PendingRequest& pending) override {
    bool inserted = false;
    writer_.run([&](Connection& c) {
      put_job(c, record, "INSERT OR IGNORE");
      inserted = c.changes() == 1;
      if (!inserted) return;
      c.statement("INSERT OR REPLACE INTO pending_requests (id, request) VALUES (?, ?)")
          .bind(record.job.id)
          .bind(sqlite::request_text(pending.request))
          .run();
      for (const auto& [name, content] : pending.blobs) {
        c.statement("INSERT OR REPLACE INTO pending_blobs (id, name, content) VALUES (?, ?, ?)")
            .bind(record.job.id)
            .bind(name)
            .bind_blob(*content)
            .run();
      }
    });
    return inserted;
  }

  void update(JobRecord record, bool drop_request, Written written) override {
    if (record.job.ended()) {
      written = [this, written = std::move(written)](const std::optional<Error>& error) {
        pages_.changed();
        if (written) written(error);
      };
    }
    writer_.post(update_work(std::move(record), drop_request), std::move(written));
  }
  void update_now(const JobRecord& record, bool drop_request) override {
    const PagesChange change{record.job.ended() ? &pages_ : nullptr};
    writer_.run(update_work(record, drop_request));
  }

  void set_cleanup(const std::string& id, Cleanup cleanup, Written written) override {
    writer_.post(
        [id, cleanup](Connection& c) {
          c.statement("UPDATE jobs SET cleanup = ?1 WHERE id = ?2 AND cleanup < ?1").bind(static_cast<int64_t>(cleanup)).bind(id).run();
        },
        std::move(written));
  }

  std::optional<JobRecord> get(std::string_view id) const override {
    return readers_.with([&](Connection& c) -> std::optional<JobRecord> {
      auto row = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE id = ?");
      row.bind(id);
      if (!row.step()) return std::nullopt;
      return sqlite::read_record(row);
    });
  }

  std::optional<PendingRequest> pending(std::string_view id) const override {
    return readers_.with([&](Connection& c) -> std::optional<PendingRequest> {
      auto row = c.statement("SELECT request FROM pending_requests WHERE id = ?");
      row.bind(id);
      if (!row.step()) return std::nullopt;
      PendingRequest found{sqlite::read_request(row.view(0)), {}};
      auto blobs = c.statement("SELECT name, content FROM pending_blobs WHERE id = ?");
      blobs.bind(id);
      while (blobs.step()) found.blobs[blobs.text(0)] = std::make_shared<const std::string>(blobs.text(1));
      return found;
    });
  }

  std::vector<JobRecord> not_ended() const override {
    return readers_.with([&](Connection& c) {
      auto rows = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE ended = 0 ORDER BY created, id");
      return read_records(rows);
    });
  }

  PageRows ended_page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const override {
    if (limit == 0) return read_ended_page(filter, limit, after);
    std::string question = page_question(filter, limit, after);
    const uint64_t version = pages_.version();
    if (auto rows = pages_.find(question)) return rows;
    auto rows = read_ended_page(filter, limit, after);
    pages_.keep(version, std::move(question), rows);
    return rows;
  }

  std::vector<JobRecord> to_clean(Cleanup cleanup, int64_t ended_before_ms, unsigned limit) const override {
    return readers_.with([&](Connection& c) {
      auto rows = c.statement("SELECT " OPERON_RECORD_COLUMNS
                              " FROM jobs WHERE ended = 1 AND cleanup < 2 AND cleanup = ? AND end_time < ? ORDER BY end_time LIMIT ?");
      rows.bind(static_cast<int64_t>(cleanup)).bind(ended_before_ms).bind(int64_t{limit});
      return read_records(rows);
    });
  }

  std::vector<JobRecord> past_retention(int64_t ended_before_ms, uint64_t kept_max, unsigned limit) const override {
    return readers_.with([&](Connection& c) {
      auto old = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE ended = 1 AND end_time < ? ORDER BY end_time LIMIT ?");
      old.bind(ended_before_ms).bind(int64_t{limit});
      auto records = read_records(old);
      if (!records.empty()) return records;
      auto many = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE ended = 1 ORDER BY created DESC, id DESC LIMIT ? OFFSET ?");
      many.bind(int64_t{limit}).bind(static_cast<int64_t>(kept_max));
      return read_records(many);
    });
  }

  void remove(const std::vector<std::string>& ids) override {
    const PagesChange change{&pages_};
    writer_.run([&](Connection& c) {
      for (const auto& id : ids) {
        c.statement("DELETE FROM jobs WHERE id = ?").bind(id).run();
        drop_pending(c, id);
      }
    });
  }

  uint64_t revision_max() const override {
    return readers_.with([&](Connection& c) {
      auto row = c.statement("SELECT max(revision) FROM jobs");
      return row.step() ? static_cast<uint64_t>(row.integer(0)) : uint64_t{0};
    });
  }

  std::map<Phase, uint64_t> count_ended() const override {
    return readers_.with([&](Connection& c) {
      std::map<Phase, uint64_t> counts;
      auto rows = c.statement("SELECT phase, count(*) FROM jobs WHERE ended = 1 GROUP BY phase");
      while (rows.step()) counts[kinds::job_runner::phase_from_string(rows.text(0))] = static_cast<uint64_t>(rows.integer(1));
      return counts;
    });
  }

  void set_meta(const std::string& key, const std::string& value) override {
    writer_.run([&](Connection& c) { c.statement("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").bind(key).bind(value).run(); });
  }

  std::optional<std::string> meta(std::string_view key) const override {
    return one_text("SELECT value FROM meta WHERE key = ?", key, std::nullopt);
  }

  void kv_put(const std::string& instance, const std::string& key, const std::string& value, uint64_t keys_max) override {
    writer_.run([&](Connection& c) {
      auto known = c.statement("SELECT 1 FROM kv WHERE instance = ? AND key = ?");
      if (!known.bind(instance).bind(key).step()) {
        auto count = c.statement("SELECT count(*) FROM kv WHERE instance = ?");
        if (count.bind(instance).step() && static_cast<uint64_t>(count.integer(0)) >= keys_max) {
          throw Error(Code::resource_exhausted,
                      "instance '" + instance + "' keeps " + std::to_string(keys_max) + " keys already (keys_max): delete some first");
        }
      }
      c.statement("INSERT OR REPLACE INTO kv (instance, key, value) VALUES (?, ?, ?)").bind(instance).bind(key).bind_blob(value).run();
    });
  }

  std::optional<std::string> kv_get(std::string_view instance, std::string_view key) const override {
    return one_text("SELECT value FROM kv WHERE instance = ? AND key = ?", instance, key);
  }

  bool kv_delete(const std::string& instance, const std::string& key) override {
    bool deleted = false;
    writer_.run([&](Connection& c) {
      c.statement("DELETE FROM kv WHERE instance = ? AND key = ?").bind(instance).bind(key).run();
      deleted = c.changes() > 0;
    });
    return deleted;
  }

  KvPage kv_list(std::string_view instance, std::string_view prefix, std::string_view after, unsigned limit) const override {
    return readers_.with([&](Connection& c) {
      KvPage page;
      auto rows = c.statement(
          "SELECT key FROM kv WHERE instance = ?1 AND key >= ?2 AND key > ?3 AND substr(key, 1, length(?2)) = ?2 ORDER BY key LIMIT ?4");
      rows.bind(instance).bind(prefix).bind(after).bind(int64_t{limit} + 1);
      while (rows.step()) {
        if (page.keys.size() == limit) {
          page.more = true;
          break;
        }
        page.keys.push_back(rows.text(0));
      }
      return page;
    });
  }

  std::string trouble() const override { return writer_.trouble(); }

 private:
  /// Whatever came of a write that one has waited for, pages read before it are not kept.
  struct PagesChange {
    PageCache* pages;  // null: the write is not about an ended run
    ~PagesChange() {
      if (pages != nullptr) pages->changed();
    }
  };

  PageRows read_ended_page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const;

  static CommitQueue::Work update_work(JobRecord record, bool drop_request) {
    return [record = std::move(record), drop_request](Connection& c) {
      put_job(c, record, "INSERT OR REPLACE");
      if (drop_request) drop_pending(c, record.job.id);
    };
  }

  std::optional<std::string> one_text(const char* sql, std::string_view first, std::optional<std::string_view> second) const {
    return readers_.with([&](Connection& c) -> std::optional<std::string> {
      auto row = c.statement(sql);
      row.bind(first);
      if (second) row.bind(*second);
      if (!row.step()) return std::nullopt;
      return row.text(0);
    });
  }

  base::Fd lock_;
  mutable PageCache pages_;  // the writer's last words reach it
  CommitQueue writer_;       // the last to close: only a connection that writes empties the write-ahead log, and takes it away
  mutable ReadPool readers_;
};

PageRows SqliteStore::read_ended_page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const {
  std::string sql = "SELECT created, id, record, json, checksum FROM jobs WHERE ended = 1";
  if (filter.phase) sql += " AND phase = ?";
  if (!filter.scenario_name.empty()) sql += " AND scenario_name = ?";
  if (!filter.target_id.empty()) sql += " AND target_id = ?";
  if (!filter.cluster_name.empty()) sql += " AND cluster_name = ?";
  if (after) sql += " AND (created, id) < (?, ?)";
  sql += " ORDER BY created DESC, id DESC";
  if (limit != 0) sql += " LIMIT ?";
  return readers_.with([&](Connection& c) {
    auto rows = c.statement(sql);
    if (filter.phase) rows.bind(to_string(*filter.phase));
    if (!filter.scenario_name.empty()) rows.bind(filter.scenario_name);
    if (!filter.target_id.empty()) rows.bind(filter.target_id);
    if (!filter.cluster_name.empty()) rows.bind(filter.cluster_name);
    if (after) rows.bind(after->created_unix_ms).bind(after->id);
    if (limit != 0) rows.bind(int64_t{limit});
    auto page = std::make_shared<std::vector<PageRow>>();
    page->reserve(limit);
    while (rows.step()) {
      PageRow row{{rows.integer(0), rows.text(1)}, rows.text(3)};
      if (sqlite::checksum(row.key.id, rows.view(2), row.json) == rows.integer(4)) {
        page->push_back(std::move(row));
      } else {
        log::error("a damaged record of the state store is left out", {{"job_id", row.key.id}});
      }
    }
    return PageRows(std::move(page));
  });
}

base::Fd lock_file(const std::filesystem::path& file) {
  const std::string path = file.string() + ".lock";
  base::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw Error(Code::unavailable, "cannot write " + path + ": " + std::strerror(errno)).with_reason("ReadOnly");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error(Code::failed_precondition, "the state database " + file.string() +
                                               " is in use by another operond: stop it, or give this one a state folder of its own")
        .with_reason("InUse");
  }
  return fd;
}

/// SQLite gives `-wal` and `-shm` the mode of the file itself, so it is made here, closed to others.
void make_private(const std::filesystem::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) throw Error(Code::unavailable, "cannot write " + file.string() + ": " + std::strerror(errno)).with_reason("ReadOnly");
  if (::fchmod(fd.get(), 0600) != 0)
    throw Error(Code::unavailable, "cannot set the mode of " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

std::shared_ptr<Store> open_sqlite_store(const std::filesystem::path& file, SqliteLimits limits) {
  base::make_dirs(file.parent_path());
  auto lock = lock_file(file);
  make_private(file);
  auto writer = std::make_unique<Connection>(file, false, static_cast<int>(limits.busy_timeout_ms.count()));
  for (const char* setting : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON",
                              "PRAGMA journal_size_limit = 16777216", "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -4096"}) {
    writer->execute(setting);
  }
  sqlite::migrate(*writer, file.string());
  sqlite::check_whole(*writer, file.string());
  return std::make_shared<SqliteStore>(file, limits, std::move(writer), std::move(lock));
}

}  // namespace operon::jobs
