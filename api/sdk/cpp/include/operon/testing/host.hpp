/// operon/testing/host.hpp: runs a plugin in a unit test, without a daemon.
///
///     auto host = operon::testing::Host::load(PLUGIN_LIBRARY);   // or Host host(operon_entry_v1), linked in
///     host.configure({{"path", "/tmp/x"}});
///     auto state = host.call("operon.job-runner/1", "start", request).as<RunState>();
///     CHECK(host.breaches().empty());
///
/// A call runs on a thread of its own, as on the host's executor. Services kv, clock, executor and metrics live in memory; serve() adds
/// others. Nothing here checks the configuration against schema.json: the real host does. Link with ${CMAKE_DL_LIBS}.
#pragma once

#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "operon/plugin.h"
#include "operon/testing/services.hpp"

namespace operon::testing {

/// A line that the plugin logged.
struct LogLine {
  int32_t level;
  std::string message;
  nlohmann::json fields;
};
/// A "look again".
struct Notification {
  std::string kind, key;
  bool operator==(const Notification&) const = default;
};

/// Longer than any test should wait for something that does happen.
inline constexpr std::chrono::milliseconds patience{20'000};

/// A call in flight. Copyable.
class PendingCall {
 public:
  explicit PendingCall(std::shared_ptr<detail::CallRecord> record) : record_(std::move(record)) {}
  /// Whoever asked has gone.
  void cancel() const { record_->cancel(); }
  /// The deadline passes now.
  void expire() const { record_->cancel(true); }
  /// The next chunk that was not taken yet; none when the call has ended or `limit` has passed.
  std::optional<Chunk> take(std::chrono::milliseconds limit = patience) const { return record_->take(limit); }
  bool ended() const { return record_->wait(std::chrono::milliseconds(0)).has_value(); }
  /// Waits for the end; DEADLINE_EXCEEDED when it does not come.
  Result wait(std::chrono::milliseconds limit = patience) const {
    if (auto result = record_->wait(limit)) return *result;
    const Error error(Code::deadline_exceeded, "the testing host waited in vain for the call's end");
    return {error.code(), error, "", {}};
  }

 private:
  std::shared_ptr<detail::CallRecord> record_;
};

class Host {
 public:
  /// For a plugin that is linked into the test. Throws std::runtime_error when it cannot be made.
  explicit Host(operon_entry_fn entry, const std::string& instance = "test") : name_(instance) {
    const operon_entry* e = entry();
    if (!e || e->magic != OPERON_ABI_MAGIC || e->abi_major != OPERON_ABI_MAJOR)
      throw std::runtime_error("this is no operon plugin of ABI 1");
    entry_ = e;
    api_ = {sizeof(operon_host_api),
            OPERON_ABI_MINOR,
            reinterpret_cast<operon_host*>(this),
            detail::CallRecord::api(),
            sdk::str("operon-testing"),
            sdk::str("0.0.0"),
            &Host::log_enabled,
            &Host::log,
            &Host::notify,
            &Host::invoke,
            &Host::resume,
            &Host::cancel};
    const operon_status status = e->create(&api_, sdk::str(name_), &plugin_, &plugin_api_);
    if (status != OPERON_OK) throw std::runtime_error("create() failed with status " + std::to_string(status) + ": " + last_log());
  }
  /// For a plugin's library. It is never unloaded.
  static std::unique_ptr<Host> load(const std::string& library, const std::string& instance = "test") {
    void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) throw std::runtime_error(std::string("dlopen: ") + ::dlerror());
    auto* entry = reinterpret_cast<operon_entry_fn>(::dlsym(handle, OPERON_ENTRY_SYMBOL));
    if (!entry) throw std::runtime_error(library + " does not export " OPERON_ENTRY_SYMBOL);
    return std::make_unique<Host>(entry, instance);
  }
  ~Host() { stop(); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  std::string id() const { return std::string(sdk::view(entry_->id)); }
  std::string version() const { return std::string(sdk::view(entry_->version)); }

  /// Throws the plugin's Error when it refuses.
  void configure(const nlohmann::json& configuration) {
    const Result result = run("configure", plugin_api_->configure, configuration.dump(), {}).wait();
    if (result.error) throw *result.error;
  }
  bool offers(const std::string& interface, const std::string& verb) const { return find(interface, verb) != nullptr; }
  /// OPERON_VERB_* of a verb; throws std::runtime_error when there is none.
  uint32_t flags(const std::string& interface, const std::string& verb) const { return existing(interface, verb).flags; }

  /// Asks and waits. Any error is in the result.
  Result call(const std::string& interface, const std::string& verb, const nlohmann::json& request = nlohmann::json::object(),
              Options options = {}) {
    return start(interface, verb, request, std::move(options)).wait();
  }
  /// Asks without waiting. Throws std::runtime_error when the plugin does not offer the verb.
  PendingCall start(const std::string& interface, const std::string& verb, const nlohmann::json& request = nlohmann::json::object(),
                    Options options = {}) {
    return start_text(interface, verb, request.dump(), std::move(options));
  }
  /// The same with any bytes as the request.
  PendingCall start_text(const std::string& interface, const std::string& verb, std::string request, Options options = {}) {
    return run(interface + " " + verb, existing(interface, verb).fn, std::move(request), std::move(options));
  }

  /// Quiesces and destroys the instance; the destructor does it too. Nothing may be called afterwards.
  void stop() {
    if (!plugin_) return;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& record : calls_) record->cancel();
    }
    plugin_api_->quiesce(plugin_);
    {
      const std::lock_guard lock(mutex_);
      quiesced_ = true;
    }
    join();
    for (const auto& record : calls_) {
      if (!record->wait(std::chrono::milliseconds(0))) breaches_->add("quiesce() returned while a call was still open");
    }
    plugin_api_->destroy(plugin_);
    plugin_ = nullptr;
  }

  Services services;  ///< what the plugin asks the host for

  std::vector<LogLine> logs() const {
    const std::lock_guard lock(mutex_);
    return logs_;
  }
  std::vector<Notification> notifications() const {
    const std::lock_guard lock(mutex_);
    return notifications_;
  }
  /// Waits until the plugin has said so at least `times` times.
  bool wait_for_notification(const Notification& wanted, size_t times = 1, std::chrono::milliseconds limit = patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(
        lock, limit, [&] { return static_cast<size_t>(std::count(notifications_.begin(), notifications_.end(), wanted)) >= times; });
  }
  /// Everything the plugin did against the contract: double and late answers, answers that are not JSON ...
  std::vector<std::string> breaches() const { return breaches_->all(); }

 private:
  static Host& of(operon_host* host) { return *reinterpret_cast<Host*>(host); }

  const operon_verb* find(const std::string& id, const std::string& name) const {
    const operon_interface* interface = plugin_api_->get_interface(plugin_, sdk::str(id));
    if (!interface) return nullptr;
    const auto* at = reinterpret_cast<const char*>(interface->verbs);
    for (uint32_t i = 0; i < interface->verb_count; ++i, at += interface->verb_size) {
      const auto* verb = reinterpret_cast<const operon_verb*>(at);
      if (sdk::view(verb->name) == name) return verb;
    }
    return nullptr;
  }
  const operon_verb& existing(const std::string& interface, const std::string& verb) const {
    if (const auto* found = find(interface, verb)) return *found;
    throw std::runtime_error("the plugin does not offer " + interface + " " + verb);
  }

  PendingCall run(const std::string& what, operon_verb_fn function, std::string request, Options options) {
    auto record = std::make_shared<detail::CallRecord>(what, std::move(options), breaches_);
    const std::lock_guard lock(mutex_);
    calls_.push_back(record);
    threads_.emplace_back([this, record, function, request = std::move(request)] {
      record->returned(function(plugin_, record->handle(), sdk::str(request)));
    });
    if (const int64_t deadline = record->deadline_unix_ms()) {
      threads_.emplace_back([record, deadline] {
        if (!record->wait(std::chrono::milliseconds(std::max<int64_t>(0, deadline - sdk::detail::unix_ms_now())))) record->cancel(true);
      });
    }
    return PendingCall(record);
  }
  void join() {
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      threads.swap(threads_);
    }
    for (auto& thread : threads) thread.join();
  }
  std::string last_log() const {
    const std::lock_guard lock(mutex_);
    return logs_.empty() ? "it logged nothing" : logs_.back().message;
  }

  static int32_t log_enabled(operon_host*, int32_t) noexcept { return 1; }
  static void log(operon_host* self, int32_t level, operon_str message, operon_str fields) noexcept {
    auto& host = of(self);
    auto json = fields.ptr ? nlohmann::json::parse(sdk::view(fields), nullptr, false) : nlohmann::json::object();
    if (!json.is_object()) host.breaches_->add("the fields of a log line are not a JSON object");
    const std::lock_guard lock(host.mutex_);
    host.logs_.push_back({level, std::string(sdk::view(message)), std::move(json)});
  }
  static operon_status notify(operon_host* self, operon_str kind, operon_str key) noexcept {
    auto& host = of(self);
    const std::lock_guard lock(host.mutex_);
    if (host.quiesced_) host.breaches_->add("notify after quiesce");
    host.notifications_.push_back({std::string(sdk::view(kind)), std::string(sdk::view(key))});
    host.changed_.notify_all();
    return OPERON_OK;
  }
  static operon_status invoke(operon_host* self, operon_call* parent, operon_str service, operon_str verb, operon_str request,
                              const operon_sink* sink, operon_operation** out) noexcept {
    auto& host = of(self);
    const auto json = nlohmann::json::parse(sdk::view(request), nullptr, false);
    if (json.is_discarded()) return OPERON_INVALID_ARGUMENT;
    auto operation = std::make_shared<detail::OperationRecord>(*sink);
    {
      const std::lock_guard lock(host.mutex_);
      if (host.quiesced_) host.breaches_->add("invoke after quiesce");
      host.operations_.push_back(operation);
    }
    if (out) *out = operation->handle();
    host.services.ask(operation, std::string(sdk::view(service)), std::string(sdk::view(verb)), json);
    if (parent) detail::CallRecord::of(parent).with_cancellation([operation] { operation->cancel(); });
    return OPERON_OK;
  }
  static void resume(operon_host*, operon_operation* operation) noexcept { reinterpret_cast<detail::OperationRecord*>(operation)->pump(); }
  static void cancel(operon_host*, operon_operation* operation) noexcept {
    reinterpret_cast<detail::OperationRecord*>(operation)->cancel();
  }

  const std::string name_;
  const std::shared_ptr<detail::Breaches> breaches_ = std::make_shared<detail::Breaches>();
  const operon_entry* entry_ = nullptr;
  operon_host_api api_{};
  operon_plugin* plugin_ = nullptr;
  const operon_plugin_api* plugin_api_ = nullptr;

  mutable std::mutex mutex_;
  bool quiesced_ = false;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
  std::vector<std::shared_ptr<detail::CallRecord>> calls_;
  std::vector<std::shared_ptr<detail::OperationRecord>> operations_;
  std::vector<LogLine> logs_;
  std::vector<Notification> notifications_;
};

}  // namespace operon::testing
