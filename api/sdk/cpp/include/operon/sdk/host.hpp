/// operon/sdk/host.hpp: what a plugin asks of its host: the log, "look again", and services by name. Thread-safe, cheap to copy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "operon/host.h"
#include "operon/sdk/call.hpp"
#include "operon/sdk/operation.hpp"

namespace operon::sdk {

enum class Level : int32_t {
  trace = OPERON_LOG_TRACE,
  debug = OPERON_LOG_DEBUG,
  info = OPERON_LOG_INFO,
  warn = OPERON_LOG_WARN,
  error = OPERON_LOG_ERROR,
};

/// A default-made Host is deaf: it logs nothing and every service is UNAVAILABLE. So classes can be tested without any host.
class Host {
 public:
  Host() : Host(nullptr, "") {}
  Host(const operon_host_api* api, std::string instance) : context_(std::make_shared<detail::HostContext>()) {
    context_->api = api;
    context_->instance = std::move(instance);
  }

  /// The name under which this instance is configured.
  const std::string& instance() const noexcept { return context_->instance; }
  std::string program() const { return api() ? std::string(view(api()->name)) : std::string(); }
  std::string version() const { return api() ? std::string(view(api()->version)) : std::string(); }

  bool log_enabled(Level level) const noexcept {
    return OPERON_HAS(api(), operon_host_api, log_enabled) && api()->log_enabled(self(), static_cast<int32_t>(level)) != 0;
  }
  /// One line. `fields` is an object: {{"job", id}}. Never put a secret in.
  void log(Level level, std::string_view message, const nlohmann::json& fields = {}) const noexcept {
    if (!OPERON_HAS(api(), operon_host_api, log) || !log_enabled(level)) return;
    try {
      const std::string text = fields.is_object() && !fields.empty() ? dump(fields) : std::string();
      api()->log(self(), static_cast<int32_t>(level), str(message), str(text.empty() ? std::string_view() : std::string_view(text)));
    } catch (...) {
      api()->log(self(), static_cast<int32_t>(level), str(message), operon_str{nullptr, 0});
    }
  }
  void debug(std::string_view message, const nlohmann::json& fields = {}) const noexcept { log(Level::debug, message, fields); }
  void info(std::string_view message, const nlohmann::json& fields = {}) const noexcept { log(Level::info, message, fields); }
  void warn(std::string_view message, const nlohmann::json& fields = {}) const noexcept { log(Level::warn, message, fields); }
  void error(std::string_view message, const nlohmann::json& fields = {}) const noexcept { log(Level::error, message, fields); }

  /// "Something about (kind, key) changed, look again."
  void notify(std::string_view kind, std::string_view key) const noexcept {
    if (OPERON_HAS(api(), operon_host_api, notify)) api()->notify(self(), str(kind), str(key));
  }

  /// Asks a service and waits. `parent` lends its deadline, cancellation and metadata. Throws the service's Error.
  nlohmann::json ask(const Call& parent, std::string_view service, std::string_view verb, const nlohmann::json& request,
                     OnChunk on_chunk = {}) const {
    return wait_for_answer(&parent.raw(), service, verb, request, std::move(on_chunk));
  }
  /// The same outside of any call: there is no deadline but the service's own.
  nlohmann::json ask(std::string_view service, std::string_view verb, const nlohmann::json& request, OnChunk on_chunk = {}) const {
    return wait_for_answer(nullptr, service, verb, request, std::move(on_chunk));
  }
  /// Asks without waiting: `on_done` comes exactly once, on any thread, perhaps before this returns. Throws Error when the host does
  /// not take the question; nothing is called then.
  Operation ask_async(std::string_view service, std::string_view verb, const nlohmann::json& request, OnDone on_done, OnChunk on_chunk = {},
                      const detail::RawCall* parent = nullptr) const {
    return detail::invoke(context_, parent, service, verb, dump(request), std::move(on_done), std::move(on_chunk));
  }

  const std::shared_ptr<detail::HostContext>& context() const noexcept { return context_; }

 private:
  const operon_host_api* api() const noexcept { return context_->api; }
  operon_host* self() const noexcept { return context_->api->self; }

  nlohmann::json wait_for_answer(const detail::RawCall* parent, std::string_view service, std::string_view verb,
                                 const nlohmann::json& request, OnChunk on_chunk) const {
    struct Waiting {
      detail::Signal signal;
      Answer answer;
    };
    auto waiting = std::make_shared<Waiting>();
    ask_async(
        service, verb, request,
        [waiting](Answer answer) {
          waiting->answer = std::move(answer);
          waiting->signal.fire();
        },
        std::move(on_chunk), parent);
    waiting->signal.wait();
    Answer answer = std::move(waiting->answer);  // whole: a copied error would share its text with the thread that answered
    if (answer.error) throw std::move(*answer.error);
    return answer.json();
  }

  std::shared_ptr<detail::HostContext> context_;
};

}  // namespace operon::sdk
