/// core/jobs/sql_store.hpp: runs, requests and keys as rows of one schema, over the connections of any SQL engine. For core/jobs only.
///
/// Texts are written so that both engines take them: "ON CONFLICT", and parameters as $1, $2 ... in the order of their first use.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/jobs/commit_queue.hpp"
#include "core/jobs/page_cache.hpp"
#include "core/jobs/read_pool.hpp"
#include "core/jobs/store.hpp"
#include "core/jobs/stored_rows.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::jobs {

/// What the queue's thread writes through.
template <class Connection>
class SqlWriter : public Committer {
 public:
  /// Only inside of transact().
  virtual Connection& connection() = 0;
  /// A run was recorded in this transaction.
  virtual void inserted(const std::string& /*id*/) {}
};

struct SqlLimits {
  unsigned read_connections_max = 4;
  std::chrono::milliseconds read_wait_max{30000};  ///< for one of them
  size_t pages_kept_bytes_max = 4 << 20;           ///< pages of ended runs, in memory
  QueueLimits writes;
};

namespace sql {

enum class Known { keep, replace };

template <class Connection>
void put_job(Connection& c, const JobRecord& record, Known known) {
  const Job& job = record.job;
  const std::string text = rows::record_text(record);
  auto statement = c.statement(
      std::string(
          "INSERT INTO jobs (id, created, ended, phase, target_id, cluster_name, scenario_name, end_time, cleanup, revision, record, "
          "json, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO ") +
      (known == Known::keep
           ? "NOTHING"
           : "UPDATE SET created = excluded.created, ended = excluded.ended, phase = excluded.phase, target_id = "
             "excluded.target_id, cluster_name = excluded.cluster_name, scenario_name = excluded.scenario_name, end_time = "
             "excluded.end_time, cleanup = excluded.cleanup, revision = excluded.revision, record = excluded.record, json = "
             "excluded.json, checksum = excluded.checksum"));
  statement.bind(job.id)
      .bind(job.created_unix_ms)
      .bind(int64_t{job.ended()})
      .bind(kinds::job_runner::to_string(job.phase))
      .bind(job.target_id);
  statement.bind(job.cluster_name).bind(job.scenario_name).bind(job.end_unix_ms).bind(static_cast<int64_t>(record.cleanup));
  statement.bind(static_cast<int64_t>(job.revision)).bind(text).bind(record.json);
  statement.bind(rows::checksum(job.id, text, record.json)).run();
}

template <class Connection>
void drop_pending(Connection& c, const std::string& id) {
  c.statement("DELETE FROM pending_requests WHERE id = $1").bind(id).run();
  c.statement("DELETE FROM pending_blobs WHERE id = $1").bind(id).run();
}

template <class Statement>
JobRecord read_record(const Statement& row) {
  return rows::read_record({row.view(0), row.view(1), row.view(2), row.integer(3), row.integer(4)});
}

/// Damaged rows are told and left out, so that one of them does not hide the others.
template <class Statement>
std::vector<JobRecord> read_records(Statement& rows) {
  std::vector<JobRecord> records;
  while (rows.step()) {
    try {
      records.push_back(read_record(rows));
    } catch (const Error& e) {
      log::error("a record of the state store is left out", {{"error", e.what()}});
    }
  }
  return records;
}

}  // namespace sql

template <class Connection>
class SqlStore : public Store {
 public:
  SqlStore(std::unique_ptr<SqlWriter<Connection>> writer, typename ReadPool<Connection>::Open open_reader, const SqlLimits& limits)
      : pages_(limits.pages_kept_bytes_max),
        committer_(*writer),
        writer_(std::move(writer), limits.writes),
        readers_(std::move(open_reader), limits.read_connections_max, limits.read_wait_max) {}

  bool insert(const JobRecord& record, const PendingRequest& pending) override {
    bool inserted = false;
    writer_.run([&] {
      Connection& c = committer_.connection();
      sql::put_job(c, record, sql::Known::keep);
      inserted = c.changes() == 1;
      if (!inserted) return;
      committer_.inserted(record.job.id);
      c.statement("INSERT INTO pending_requests (id, request) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET request = excluded.request")
          .bind(record.job.id)
          .bind(rows::request_text(pending.request))
          .run();
      for (const auto& [name, content] : pending.blobs) {
        c.statement(
             "INSERT INTO pending_blobs (id, name, content) VALUES ($1, $2, $3) ON CONFLICT (id, name) DO UPDATE SET content = "
             "excluded.content")
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
        [this, id, cleanup] {
          committer_.connection()
              .statement("UPDATE jobs SET cleanup = $1 WHERE id = $2 AND cleanup < $1")
              .bind(static_cast<int64_t>(cleanup))
              .bind(id)
              .run();
        },
        std::move(written));
  }

  std::optional<JobRecord> get(std::string_view id) const override {
    return readers_.with([&](Connection& c) -> std::optional<JobRecord> {
      auto row = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE id = $1");
      row.bind(id);
      if (!row.step()) return std::nullopt;
      return sql::read_record(row);
    });
  }

  std::optional<PendingRequest> pending(std::string_view id) const override {
    return readers_.with([&](Connection& c) -> std::optional<PendingRequest> {
      auto row = c.statement("SELECT request FROM pending_requests WHERE id = $1");
      row.bind(id);
      if (!row.step()) return std::nullopt;
      PendingRequest found{rows::read_request(row.view(0)), {}};
      auto blobs = c.statement("SELECT name, content FROM pending_blobs WHERE id = $1");
      blobs.bind(id);
      while (blobs.step()) found.blobs[blobs.text(0)] = std::make_shared<const std::string>(blobs.text(1));
      return found;
    });
  }

  std::vector<JobRecord> not_ended() const override {
    return readers_.with([&](Connection& c) {
      auto rows = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE ended = 0 ORDER BY created, id");
      return sql::read_records(rows);
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
                              " FROM jobs WHERE ended = 1 AND cleanup < 2 AND cleanup = $1 AND end_time < $2 ORDER BY end_time LIMIT $3");
      rows.bind(static_cast<int64_t>(cleanup)).bind(ended_before_ms).bind(int64_t{limit});
      return sql::read_records(rows);
    });
  }

  std::vector<JobRecord> past_retention(int64_t ended_before_ms, uint64_t kept_max, unsigned limit) const override {
    return readers_.with([&](Connection& c) {
      auto old = c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE ended = 1 AND end_time < $1 ORDER BY end_time LIMIT $2");
      old.bind(ended_before_ms).bind(int64_t{limit});
      auto records = sql::read_records(old);
      if (!records.empty()) return records;
      auto many =
          c.statement("SELECT " OPERON_RECORD_COLUMNS " FROM jobs WHERE ended = 1 ORDER BY created DESC, id DESC LIMIT $1 OFFSET $2");
      many.bind(int64_t{limit}).bind(static_cast<int64_t>(kept_max));
      return sql::read_records(many);
    });
  }

  void remove(const std::vector<std::string>& ids) override {
    const PagesChange change{&pages_};
    writer_.run([&] {
      Connection& c = committer_.connection();
      for (const auto& id : ids) {
        c.statement("DELETE FROM jobs WHERE id = $1").bind(id).run();
        sql::drop_pending(c, id);
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
    writer_.run([&] {
      committer_.connection()
          .statement("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
          .bind(key)
          .bind(value)
          .run();
    });
  }

  std::optional<std::string> meta(std::string_view key) const override {
    return one_text("SELECT value FROM meta WHERE key = $1", key, std::nullopt);
  }

  void kv_put(const std::string& instance, const std::string& key, const std::string& value, uint64_t keys_max) override {
    writer_.run([&] {
      Connection& c = committer_.connection();
      if (!known(c, instance, key) && count(c, instance) >= keys_max) {
        throw Error(Code::resource_exhausted,
                    "instance '" + instance + "' keeps " + std::to_string(keys_max) + " keys already (keys_max): delete some first");
      }
      c.statement(
           "INSERT INTO kv (instance, key, value) VALUES ($1, $2, $3) ON CONFLICT (instance, key) DO UPDATE SET value = excluded.value")
          .bind(instance)
          .bind(key)
          .bind_blob(value)
          .run();
    });
  }

  std::optional<std::string> kv_get(std::string_view instance, std::string_view key) const override {
    return one_text("SELECT value FROM kv WHERE instance = $1 AND key = $2", instance, key);
  }

  bool kv_delete(const std::string& instance, const std::string& key) override {
    bool deleted = false;
    writer_.run([&] {
      Connection& c = committer_.connection();
      c.statement("DELETE FROM kv WHERE instance = $1 AND key = $2").bind(instance).bind(key).run();
      deleted = c.changes() > 0;
    });
    return deleted;
  }

  KvPage kv_list(std::string_view instance, std::string_view prefix, std::string_view after, unsigned limit) const override {
    return readers_.with([&](Connection& c) {
      KvPage page;
      auto rows = c.statement(
          "SELECT key FROM kv WHERE instance = $1 AND key >= $2 AND key > $3 AND substr(key, 1, length($2)) = $2 ORDER BY key LIMIT $4");
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

  CommitQueue::Work update_work(JobRecord record, bool drop_request) {
    return [this, record = std::move(record), drop_request] {
      Connection& c = committer_.connection();
      sql::put_job(c, record, sql::Known::replace);
      if (drop_request) sql::drop_pending(c, record.job.id);
    };
  }

  static bool known(Connection& c, const std::string& instance, const std::string& key) {
    auto row = c.statement("SELECT 1 FROM kv WHERE instance = $1 AND key = $2");
    return row.bind(instance).bind(key).step();
  }
  static uint64_t count(Connection& c, const std::string& instance) {
    auto row = c.statement("SELECT count(*) FROM kv WHERE instance = $1");
    return row.bind(instance).step() ? static_cast<uint64_t>(row.integer(0)) : 0;
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

  mutable PageCache pages_;  // the writer's last words reach it
  SqlWriter<Connection>& committer_;
  CommitQueue writer_;  // the last to close: only a connection that writes empties SQLite's write-ahead log, and takes it away
  mutable ReadPool<Connection> readers_;
};

template <class Connection>
PageRows SqlStore<Connection>::read_ended_page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const {
  std::string sql = "SELECT created, id, record, json, checksum FROM jobs WHERE ended = 1";
  int next = 1;
  const auto parameter = [&next] { return "$" + std::to_string(next++); };
  if (filter.phase) sql += " AND phase = " + parameter();
  if (!filter.scenario_name.empty()) sql += " AND scenario_name = " + parameter();
  if (!filter.target_id.empty()) sql += " AND target_id = " + parameter();
  if (!filter.cluster_name.empty()) sql += " AND cluster_name = " + parameter();
  if (after) {
    const std::string created = parameter();
    sql += " AND (created, id) < (" + created + ", " + parameter() + ")";
  }
  sql += " ORDER BY created DESC, id DESC";
  if (limit != 0) sql += " LIMIT " + parameter();
  return readers_.with([&](Connection& c) {
    auto found = c.statement(sql);
    if (filter.phase) found.bind(kinds::job_runner::to_string(*filter.phase));
    if (!filter.scenario_name.empty()) found.bind(filter.scenario_name);
    if (!filter.target_id.empty()) found.bind(filter.target_id);
    if (!filter.cluster_name.empty()) found.bind(filter.cluster_name);
    if (after) found.bind(after->created_unix_ms).bind(after->id);
    if (limit != 0) found.bind(int64_t{limit});
    auto page = std::make_shared<std::vector<PageRow>>();
    page->reserve(limit);
    while (found.step()) {
      PageRow row{{found.integer(0), found.text(1)}, found.text(3)};
      if (rows::checksum(row.key.id, found.view(2), row.json) == found.integer(4)) {
        page->push_back(std::move(row));
      } else {
        log::error("a damaged record of the state store is left out", {{"job_id", row.key.id}});
      }
    }
    return PageRows(std::move(page));
  });
}

}  // namespace operon::jobs
