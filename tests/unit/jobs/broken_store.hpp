/// tests/unit/jobs/broken_store.hpp: a store whose disk is full when a test says so.
#pragma once

#include <atomic>
#include <functional>

#include "core/jobs/sqlite_store.hpp"
#include "operon/error.hpp"
#include "table_fixture.hpp"

namespace operon::jobs::testing {

/// The real store in a folder, which can be told to fail.
struct BrokenStore final : Store {
  explicit BrokenStore(const std::filesystem::path& folder) : real(open_sqlite_store(folder / "state.db")) {}

  const std::shared_ptr<Store> real;
  std::atomic<bool> full{false};          ///< nothing can be written
  std::atomic<bool> trouble_seen{false};  ///< as the real one: until a write went well
  std::atomic<bool> cleanup_fails{false};
  std::atomic<bool> tells_nobody{false};    ///< that an update has been written
  std::atomic<bool> taken_over{false};      ///< by another host
  mutable std::atomic<int> asked_whose{0};  ///< since it was
  std::function<void()> before_insert;      ///< before the record is made
  void check() {
    trouble_seen = full.load();
    if (full) throw Error(Error(Code::unavailable, "cannot write /state.db: no space left on the device").with_reason("DiskFull"));
  }
  bool insert(const JobRecord& r, const PendingRequest& p) override {
    if (before_insert) before_insert();
    return check(), real->insert(r, p);
  }
  void update(JobRecord r, bool d, Written w) override {
    if (full) return w(Error(Code::unavailable, "full"));
    if (tells_nobody) w = [](const std::optional<Error>&) {};
    real->update(std::move(r), d, std::move(w));
  }
  void update_now(const JobRecord& r, bool d) override { check(), real->update_now(r, d); }
  void set_cleanup(const std::string& id, Cleanup c, Written w) override {
    if (full || cleanup_fails) return w(Error(Code::unavailable, "full"));
    real->set_cleanup(id, c, std::move(w));
  }
  bool ours() const override {
    asked_whose += taken_over ? 1 : 0;
    return !taken_over;
  }
  std::optional<JobRecord> get(std::string_view id) const override { return real->get(id); }
  std::optional<PendingRequest> pending(std::string_view id) const override { return real->pending(id); }
  std::vector<JobRecord> not_ended() const override { return real->not_ended(); }
  PageRows ended_page(const JobFilter& f, unsigned l, const std::optional<PageKey>& a) const override { return real->ended_page(f, l, a); }
  std::vector<JobRecord> to_clean(Cleanup c, int64_t b, unsigned l) const override { return real->to_clean(c, b, l); }
  std::vector<JobRecord> past_retention(int64_t b, uint64_t k, unsigned l) const override { return real->past_retention(b, k, l); }
  void remove(const std::vector<std::string>& ids) override { check(), real->remove(ids); }
  uint64_t revision_max() const override { return real->revision_max(); }
  std::map<Phase, uint64_t> count_ended() const override { return real->count_ended(); }
  void set_meta(const std::string& k, const std::string& v) override { check(), real->set_meta(k, v); }
  std::optional<std::string> meta(std::string_view k) const override { return real->meta(k); }
  void kv_put(const std::string&, const std::string&, const std::string&, uint64_t) override {}
  std::optional<std::string> kv_get(std::string_view, std::string_view) const override { return {}; }
  bool kv_delete(const std::string&, const std::string&) override { return false; }
  KvPage kv_list(std::string_view, std::string_view, std::string_view, unsigned) const override { return {}; }
  std::string trouble() const override { return trouble_seen ? "full" : ""; }
};

/// A job table over it.
struct BrokenHost {
  TemporaryFolder folder;
  FakeRunners runners;
  std::shared_ptr<FakeRunner> runner = std::make_shared<FakeRunner>();
  std::shared_ptr<BrokenStore> store = std::make_shared<BrokenStore>(folder.path);
  base::ManualClock clock;
  LogHub hub{folder.path / "logs", runners, {}};
  JobTable table;

  explicit BrokenHost(JobLimits limits = {}) : table(store, runners, hub, clock, limits) {
    runners.add(runner);
    table.recover();
  }
};

}  // namespace operon::jobs::testing
