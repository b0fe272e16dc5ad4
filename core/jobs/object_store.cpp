#include "core/jobs/object_store.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/clock.hpp"
#include "core/base/ids.hpp"
#include "core/base/scrubber.hpp"
#include "core/jobs/status_writer.hpp"
#include "core/kube/api.hpp"
#include "core/kube/informer.hpp"
#include "core/kube/status.hpp"
#include "core/log/log.hpp"

namespace operon::jobs {

using nlohmann::json;

namespace {

constexpr unsigned writing_threads = 4;
constexpr unsigned write_attempts_max = 5;
constexpr const char* freeze_key = "freeze";

const kube::Resource& secret_resource() {
  static const kube::Resource resource{"", "v1", "secrets"};
  return resource;
}
const kube::Resource& config_map_resource() {
  static const kube::Resource resource{"", "v1", "configmaps"};
  return resource;
}

kube::InformerOptions runs_in(const std::string& name_space) {
  kube::InformerOptions options;
  options.name_space = name_space;
  options.trim = run_trim();
  return options;
}

kube::InformerOptions state_in(const std::string& name_space) {
  kube::InformerOptions options;
  options.name_space = name_space;
  options.field_selector = std::string("metadata.name=") + state_config_map;
  return options;
}

/// What scenarios and runners say may be no UTF-8; an object holds nothing else.
json clean(const json& any) {
  return json::parse(any.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

struct ObjectStore::Impl : std::enable_shared_from_this<Impl> {
  Impl(std::shared_ptr<kube::Client> c, std::string ns, base::Clock& k, TailOf t, ObjectStoreLimits l)
      : client(std::move(c)),
        name_space(std::move(ns)),
        clock(k),
        tail_of(std::move(t)),
        limits(l),
        api(*client, limits.call_ms_max),
        runs(*client, run_resource(), runs_in(name_space)),
        state(*client, config_map_resource(), state_in(name_space)) {}

  const std::shared_ptr<kube::Client> client;
  const std::string name_space;
  base::Clock& clock;
  const TailOf tail_of;
  const ObjectStoreLimits limits;
  const kube::Api api;
  RunIndex index;
  Changed changed;
  Skipped skipped;
  std::function<void()> freeze_changed;
  RequestOf request_of;
  mutable std::mutex owner_mutex;  ///< held while `holds` is asked
  std::function<bool()> holds;

  std::mutex moving;                             // of the index as a writer, and of what follows
  std::deque<std::pair<RowPtr, RowPtr>> untold;  ///< before and after; null = not there
  std::mutex telling;                            ///< held while somebody is told of a change
  bool stopped = false;
  bool begun = false;

  mutable std::mutex mutex;
  uint64_t state_version = 0;
  std::map<std::string, std::string, std::less<>> shared_meta, own_meta;

  kube::Informer runs, state;
  std::unique_ptr<StatusWriter> writer;  // last: its threads use the rest

  bool ours() const {
    std::lock_guard lock(owner_mutex);
    return holds && holds();
  }

  kube::Name name_of(const RunRow& row, const char* subresource = "") const { return {name_space, row.name, subresource}; }

  /// On the client's thread.
  void told(const kube::Change& change) {
    if (change.now) {
      // The answer to a write of ours has often told of it before the watch does: then there is nothing to read.
      if (!known(change.now->name(), change.now->version())) take(change.now->parse(), true);
      return;
    }
    {
      std::lock_guard lock(moving);
      if (auto row = index.remove(change.before->name(), change.before->uid())) untold.emplace_back(std::move(row), nullptr);
    }
    tell_all();
  }

  /// On the client's thread. Every step is told, and in the order in which the index took them, whoever brought them.
  void tell_all() {
    for (;;) {
      std::pair<RowPtr, RowPtr> step;
      {
        std::lock_guard lock(moving);
        if (untold.empty()) return;
        step = std::move(untold.front());
        untold.pop_front();
      }
      std::lock_guard lock(telling);
      if (!stopped && changed) changed(step.first, step.second);
    }
  }

  /// The Run at just this version; null when another one is known. No two objects, nor states of one, have the same.
  RowPtr known(std::string_view name, uint64_t version) const {
    auto row = version != 0 ? index.find_name(name) : nullptr;
    return row && row->version == version ? row : nullptr;
  }

  /// After a write to the Run `name`. The watch has often told of it before the answer came: then there is nothing to read. What somebody
  /// has written since is no answer to ours, and its version must not go with the next write.
  RowPtr take(const kube::Answer& answer, std::string_view name) {
    auto row = known(name, answer.version());
    return row ? row : take(answer.parse());
  }

  RowPtr take(const json& object, bool on_client_thread = false) {
    RowPtr row;
    try {
      row = std::make_shared<const RunRow>(read_run(object));
    } catch (const Error& e) {
      const json metadata = object.value("metadata", json::object());
      if (skipped) skipped(metadata.value("name", ""), metadata.value("uid", ""), e);
      return nullptr;
    }
    {
      std::lock_guard lock(moving);
      auto taken = index.put(row);
      if (!taken) return row;
      untold.emplace_back(std::move(taken->before), row);
    }
    if (on_client_thread) {
      tell_all();
    } else {
      client->after(std::chrono::milliseconds(0), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->tell_all();
      });
    }
    return row;
  }

  /// `data` of the ConfigMap; null or empty when there is none.
  void take_state(const json& data, uint64_t version) {
    {
      std::lock_guard lock(mutex);
      if (version <= state_version && state_version != 0) return;
      state_version = version;
      shared_meta.clear();
      for (const auto& [key, value] : data.items()) {
        if (value.is_string()) shared_meta[key] = value.get<std::string>();
      }
    }
    std::lock_guard lock(telling);
    if (!stopped && freeze_changed) freeze_changed();
  }

  void write(const std::string& id, const StatusWrite& wanted);
  RowPtr write_stop(RowPtr row);
  json patch_of(const StatusWrite&, const RunRow&) const;
  void add_log_tail(const std::string& id, Cleanup, const RunRow&, json& patch) const;
  void drop_request(const RunRow&);
  bool accept(const JobRecord&, RowPtr);
  void create(const JobRecord&, const PendingRequest&);
};

json ObjectStore::Impl::patch_of(const StatusWrite& wanted, const RunRow& row) const {
  JobRecord record = wanted.record ? *wanted.record : row.record;
  if (wanted.cleanup) record.cleanup = *wanted.cleanup;
  const Job& job = record.job;
  const bool started = row.started() || record.handle || job.start_unix_ms || (wanted.drop_request && !job.ended());
  json patch = status_patch(record, started, row, clock.unix_ms());
  add_log_tail(job.id, record.cleanup, row, patch);
  return clean(patch);
}

/// Once, when the whole log is in the archive.
void ObjectStore::Impl::add_log_tail(const std::string& id, Cleanup cleanup, const RunRow& row, json& patch) const {
  if (!tail_of || cleanup == Cleanup::log || row.record.cleanup != Cleanup::log) return;
  std::string tail = base::scrub(tail_of(id, limits.log_tail_bytes_max));
  if (tail.size() > limits.log_tail_bytes_max) tail.erase(0, tail.size() - limits.log_tail_bytes_max);
  if (!tail.empty()) patch["status"]["logTail"] = std::move(tail);
}

RowPtr ObjectStore::Impl::write_stop(RowPtr row) {
  if (row->stop_asked) return row;
  return take(api.patch(run_resource(), name_of(*row), kube::PatchType::merge, {{"spec", {{"stop", true}}}}), row->name);
}

void ObjectStore::Impl::write(const std::string& id, const StatusWrite& wanted) {
  for (unsigned attempt = 1;; ++attempt) {
    RowPtr row = index.find(id);
    if (!row) return;  // deleted: there is nothing to write to
    if (!ours()) throw Error(Code::aborted, "another host leads now and writes this");
    // What ended stays as it ended, also when another host has seen it.
    if (wanted.record && row->record.job.ended() && wanted.record->job.phase != row->record.job.phase) return;
    try {
      if (wanted.record && wanted.record->job.stop_requested && !wanted.record->timed_out && !row->deleting) row = write_stop(row);
      if (!row) return;
      row = take(api.patch(run_resource(), name_of(*row, "status"), kube::PatchType::merge, patch_of(wanted, *row)), row->name);
      if (!row) return;
      if (wanted.drop_request) drop_request(*row);
      // Not later: a namespace that is removed now takes us with it, and nobody would let the Run go.
      if (row->record.job.ended() && row->held()) {
        take(api.patch(run_resource(), name_of(*row), kube::PatchType::merge, finalizer_patch(*row, false)), row->name);
      }
      return;
    } catch (const Error& e) {
      if (kube::is_not_found(e)) return;
      if (!kube::is_conflict(e) || attempt >= write_attempts_max) throw;
    }
    try {
      take(api.get(run_resource(), name_of(*row)));
    } catch (const Error& e) {
      if (!kube::is_not_found(e)) throw;
      return;
    }
  }
}

/// The run has started or ended: what only its start needed, secrets among it, goes.
void ObjectStore::Impl::drop_request(const RunRow& row) {
  for (unsigned i = 0; i < row.request_parts; ++i) {
    try {
      api.remove(secret_resource(), {name_space, request_part_name(row.record.job.id, i)});
    } catch (const Error& e) {
      log::warn("a Secret of a run's request could not be removed; it goes with the Run",
                {{"job_id", row.record.job.id}, {"error", e.what()}});
    }
  }
}

/// An applied Run becomes ours under the resourceVersion that was read: of two hosts that try, one is refused.
bool ObjectStore::Impl::accept(const JobRecord& record, RowPtr row) {
  if (row->accepted) return false;
  try {
    if (!row->held()) row = take(api.patch(run_resource(), name_of(*row), kube::PatchType::merge, finalizer_patch(*row, true)), row->name);
    if (!row) throw Error(Code::unavailable, "the Run makes no sense any more");
    take(api.patch(run_resource(), name_of(*row, "status"), kube::PatchType::merge,
                   clean(status_patch(record, false, *row, clock.unix_ms()))),
         row->name);
    return true;
  } catch (const Error& e) {
    if (!kube::is_conflict(e)) throw;
    throw Error(Code::unavailable, "the Run was changed while it was accepted: " + std::string(e.what()));
  }
}

void ObjectStore::Impl::create(const JobRecord& record, const PendingRequest& pending) {
  NewRun made = new_run(record, pending, limits.objects);
  const auto row = take(api.create(run_resource(), name_space, std::move(*made.run)), record.job.pod_name());
  if (!row) throw Error(Code::internal, "the API server answered with a Run that makes no sense");
  for (auto& secret : made.secrets) {
    give(*secret, {run_api_version, "Run", row->name, row->uid});
    try {
      api.create(secret_resource(), name_space, std::move(*secret));
    } catch (const Error& e) {
      if (kube::is_already_exists(e)) continue;
      // Nothing has started: the record of a request that is not whole is worth nothing.
      try {
        api.patch(run_resource(), name_of(*row), kube::PatchType::merge, finalizer_patch(*row, false));
        api.remove(run_resource(), name_of(*row), {.uid = row->uid});
      } catch (const Error& left) {
        log::warn("the record of a run that was not accepted could not be removed", {{"job_id", record.job.id}, {"error", left.what()}});
      }
      throw;
    }
  }
}

ObjectStore::ObjectStore(std::shared_ptr<kube::Client> client, std::string name_space, base::Clock& clock, TailOf tail,
                         ObjectStoreLimits limits)
    : impl_(std::make_shared<Impl>(std::move(client), std::move(name_space), clock, std::move(tail), limits)) {
  impl_->writer = std::make_unique<StatusWriter>(writing_threads, limits.writes_queued_max,
                                                 [impl = impl_.get()](const std::string& id, const StatusWrite& w) { impl->write(id, w); });
}

ObjectStore::~ObjectStore() {
  impl_->writer.reset();
}

void ObjectStore::on_change(Changed changed) {
  impl_->changed = std::move(changed);
}
void ObjectStore::on_skipped(Skipped skipped) {
  impl_->skipped = std::move(skipped);
}
void ObjectStore::on_freeze(std::function<void()> told) {
  impl_->freeze_changed = std::move(told);
}
void ObjectStore::set_request_of(RequestOf request_of) {
  impl_->request_of = std::move(request_of);
}

void ObjectStore::begin() {
  Impl* impl = impl_.get();
  if (std::exchange(impl->begun, true)) return;
  impl->runs.on_change([impl](const kube::Change& change) { impl->told(change); });
  impl->runs.on_skipped([impl](std::string_view name, const Error& e) {
    if (impl->skipped) impl->skipped(std::string(name), "", e);
  });
  impl->state.on_change([impl](const kube::Change& change) {
    if (change.now) impl->take_state(change.now->at("/data"), change.now->version());
    // Deleted by hand: nothing is frozen any more.
    if (!change.now) impl->take_state({}, change.before->version() + 1);
  });
  for (auto* informer : {&impl->runs, &impl->state}) informer->start();
}

void ObjectStore::start() {
  Impl* impl = impl_.get();
  begin();
  for (auto* informer : {&impl->runs, &impl->state}) {
    if (informer->wait_synced(impl->limits.sync_ms_max)) continue;
    throw Error(Code::unavailable,
                "the runs of namespace " + impl->name_space + " cannot be read: " + informer->trouble() +
                    "; are the CustomResourceDefinitions installed, and may this service account list runs and configmaps?");
  }
}

void ObjectStore::stop() {
  std::lock_guard lock(impl_->telling);
  impl_->stopped = true;
}

void ObjectStore::set_owner(std::function<bool()> holds) {
  std::lock_guard lock(impl_->owner_mutex);
  impl_->holds = std::move(holds);
}

bool ObjectStore::ours() const {
  return impl_->ours();
}

const std::string& ObjectStore::name_space() const {
  return impl_->name_space;
}
RowPtr ObjectStore::row(std::string_view id) const {
  return impl_->index.find(id);
}
std::optional<JobRecord> ObjectStore::open_record(std::string_view id) const {
  const auto row = impl_->index.find(id);
  if (!row || !row->accepted || row->record.job.ended()) return std::nullopt;
  return row->record;
}
RowPtr ObjectStore::row_of_name(std::string_view name) const {
  return impl_->index.find_name(name);
}
std::vector<RowPtr> ObjectStore::rows() const {
  return impl_->index.all();
}
size_t ObjectStore::waiting() const {
  return impl_->index.waiting();
}
std::vector<RowPtr> ObjectStore::page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const {
  return impl_->index.page(filter, limit, after);
}
bool ObjectStore::wait(std::string_view id, std::chrono::milliseconds timeout, const std::function<bool(const RowPtr&)>& condition) const {
  return impl_->index.wait(id, timeout, condition);
}

RowPtr ObjectStore::find(std::string_view id) const {
  if (auto row = impl_->index.find(id)) return row;
  // Another host may have recorded it a moment ago. Applied Runs have names of their own and come by the watch alone.
  if (!base::is_uuid(id)) return nullptr;
  try {
    return impl_->take(impl_->api.get(run_resource(), {impl_->name_space, "krkn-job-" + std::string(id)}));
  } catch (const Error& e) {
    if (!kube::is_not_found(e)) throw;
    return nullptr;
  }
}

json ObjectStore::read(const RunRow& row) const {
  return impl_->api.get(run_resource(), impl_->name_of(row));
}

void ObjectStore::ask_to_stop(const RunRow& row) {
  impl_->write_stop(std::make_shared<const RunRow>(row));
}

void ObjectStore::refuse(const RunRow& row, Phase phase, const std::string& reason, const std::string& message) {
  impl_->take(impl_->api.patch(run_resource(), impl_->name_of(row, "status"), kube::PatchType::merge,
                               clean(refusal_patch(phase, reason, base::scrub(message), row, impl_->clock.unix_ms()))),
              row.name);
}

void ObjectStore::explain(const RunRow& row, const std::string& message) {
  const std::string text = base::scrub(message);
  if (row.record.job.message == text) return;
  impl_->take(impl_->api.patch(run_resource(), impl_->name_of(row, "status"), kube::PatchType::merge,
                               clean({{"status", {{"phase", "Pending"}, {"message", text}, {"jobId", row.record.job.id}}}})),
              row.name);
}

void ObjectStore::let_go(const RunRow& row) {
  if (!row.held()) return;
  try {
    impl_->take(impl_->api.patch(run_resource(), impl_->name_of(row), kube::PatchType::merge, finalizer_patch(row, false)), row.name);
  } catch (const Error& e) {
    if (!kube::is_not_found(e)) throw;
  }
}

std::string ObjectStore::planned(const JobRecord& record, const PendingRequest& pending) const {
  const NewRun made = new_run(record, pending, impl_->limits.objects);
  return shown_run(made, owner_to_be(record), pending).dump(-1, ' ', false, json::error_handler_t::replace);
}

bool ObjectStore::insert(const JobRecord& record, const PendingRequest& pending) {
  if (auto row = impl_->index.find(record.job.id); row && row->applied) return impl_->accept(record, std::move(row));
  try {
    impl_->create(record, pending);
    return true;
  } catch (const Error& e) {
    if (!kube::is_already_exists(e)) throw;
  }
  find(record.job.id);
  return false;
}

void ObjectStore::update(JobRecord record, bool drop_request, Written written) {
  const std::string id = record.job.id;
  impl_->writer->post(id, {std::move(record), drop_request, std::nullopt}, std::move(written));
}

void ObjectStore::update_now(const JobRecord& record, bool drop_request) {
  impl_->write(record.job.id, {record, drop_request, std::nullopt});
}

void ObjectStore::set_cleanup(const std::string& id, Cleanup cleanup, Written written) {
  impl_->writer->post(id, {std::nullopt, false, cleanup}, std::move(written));
}

std::optional<JobRecord> ObjectStore::get(std::string_view id) const {
  const auto row = find(id);
  if (!row || !row->accepted) return std::nullopt;  // an applied Run is not yet a run
  return row->record;
}

std::optional<PendingRequest> ObjectStore::pending(std::string_view id) const {
  const auto row = find(id);
  const auto waits = [](const RowPtr& run) { return run && !run->started() && !run->record.job.ended(); };
  if (!waits(row)) return std::nullopt;
  const json run = read(*row);
  // The cache was behind: it is no run that was lost, and none to be started.
  if (!waits(impl_->take(run))) throw Error(Code::aborted, "its record has changed meanwhile");
  auto pending = impl_->request_of(run);
  pending.request.owner = owner(id);
  return pending;
}

std::vector<JobRecord> ObjectStore::not_ended() const {
  std::vector<JobRecord> records;
  for (const auto& row : impl_->index.all()) {
    if (row->accepted && !row->record.job.ended()) records.push_back(row->record);
  }
  std::reverse(records.begin(), records.end());
  return records;
}

PageRows ObjectStore::ended_page(const JobFilter& filter, unsigned limit, const std::optional<PageKey>& after) const {
  auto rows = std::make_shared<std::vector<PageRow>>();
  for (const auto& row : impl_->index.page(filter, 0, after)) {
    if (!row->record.job.ended()) continue;
    rows->push_back({row->key(), row->record.json});
    if (limit != 0 && rows->size() >= limit) break;
  }
  return rows;
}

std::vector<JobRecord> ObjectStore::to_clean(Cleanup cleanup, int64_t ended_before_ms, unsigned limit) const {
  std::vector<JobRecord> records;
  for (const auto& row : impl_->index.all()) {
    const auto& record = row->record;
    if (!row->accepted || !record.job.ended() || record.cleanup != cleanup) continue;
    if (record.job.end_unix_ms.value_or(0) >= ended_before_ms) continue;
    records.push_back(record);
    if (records.size() >= limit) break;
  }
  return records;
}

std::vector<JobRecord> ObjectStore::past_retention(int64_t ended_before_ms, uint64_t kept_max, unsigned limit) const {
  std::vector<JobRecord> records;
  uint64_t ended = 0;
  for (const auto& row : impl_->index.all()) {
    const Job& job = row->record.job;
    if (!job.ended() || row->deleting) continue;
    if (++ended > kept_max || job.end_unix_ms.value_or(0) < ended_before_ms) records.push_back(row->record);
  }
  std::reverse(records.begin(), records.end());
  if (records.size() > limit) records.resize(limit);
  return records;
}

void ObjectStore::remove(const std::vector<std::string>& ids) {
  for (const auto& id : ids) {
    const auto row = impl_->index.find(id);
    if (!row) continue;
    let_go(*row);
    impl_->api.remove(run_resource(), impl_->name_of(*row), {.uid = row->uid});
  }
}

std::map<Phase, uint64_t> ObjectStore::count_ended() const {
  std::map<Phase, uint64_t> counts;
  for (const auto& row : impl_->index.all()) {
    if (row->record.job.ended()) ++counts[row->record.job.phase];
  }
  return counts;
}

std::optional<kinds::job_runner::Owner> ObjectStore::owner(std::string_view id) const {
  const auto row = impl_->index.find(id);
  if (!row) return std::nullopt;
  return kinds::job_runner::Owner{run_api_version, "Run", row->name, row->uid};
}

void ObjectStore::set_meta(const std::string& key, const std::string& value) {
  if (key == freeze_key) {
    const kube::Name name{impl_->name_space, state_config_map};
    const json patch = {{"data", {{key, value}}}};
    json answer;
    try {
      answer = impl_->api.patch(config_map_resource(), name, kube::PatchType::merge, patch).parse();
    } catch (const Error& e) {
      if (!kube::is_not_found(e)) throw;
      json fresh = patch;
      fresh["metadata"] = {{"name", state_config_map}, {"labels", {{"app.kubernetes.io/name", "krkn-operator"}}}};
      try {
        answer = impl_->api.create(config_map_resource(), impl_->name_space, std::move(fresh)).parse();
      } catch (const Error& again) {
        if (!kube::is_already_exists(again)) throw;
        answer = impl_->api.patch(config_map_resource(), name, kube::PatchType::merge, patch).parse();
      }
    }
    impl_->take_state(answer.value("data", json()), kube::version_number(answer.at("metadata").value("resourceVersion", "")));
    return;
  }
  // "Can you be written again?": whether the server answers.
  if (key == "probe") {
    kube::ListOptions one;
    one.name_space = impl_->name_space;
    one.limit = 1;
    impl_->client->fetch(kube::list_request(run_resource(), one));
  }
  std::lock_guard lock(impl_->mutex);
  impl_->own_meta[key] = value;
}

std::optional<std::string> ObjectStore::meta(std::string_view key) const {
  std::lock_guard lock(impl_->mutex);
  const auto& all = key == freeze_key ? impl_->shared_meta : impl_->own_meta;
  const auto found = all.find(key);
  if (found == all.end()) return std::nullopt;
  return found->second;
}

std::string ObjectStore::trouble() const {
  for (const auto* informer : {&impl_->runs, &impl_->state}) {
    if (auto text = informer->trouble(); !text.empty()) return text;
  }
  return impl_->writer->trouble();
}

}  // namespace operon::jobs
