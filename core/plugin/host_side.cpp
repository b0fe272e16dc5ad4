#include "core/plugin/host_side.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/log/log.hpp"
#include "core/plugin/call_api.hpp"
#include "core/plugin/core.hpp"
#include "core/plugin/json_check.hpp"
#include "core/plugin/operation.hpp"
#include "core/plugin/operations_open.hpp"

#ifndef OPERON_VERSION
#define OPERON_VERSION "0.1.0"
#endif

namespace operon::plugin {
namespace {

HostSide& side(operon_host* host) noexcept {
  return *reinterpret_cast<HostSide*>(host);
}

int32_t log_enabled_c(operon_host*, int32_t level) noexcept {
  return level >= OPERON_LOG_TRACE && level <= OPERON_LOG_ERROR && operon::log::enabled(static_cast<operon::log::Level>(level)) ? 1 : 0;
}

void log_c(operon_host* host, int32_t level, operon_str message, operon_str fields) noexcept {
  try {
    bool sound = !broken(message) && !broken(fields) && level >= OPERON_LOG_TRACE && level <= OPERON_LOG_ERROR;
    side(host).log(level, view(message), view(fields), sound);
  } catch (...) {
    // Out of memory: the line is lost, the plugin goes on.
  }
}

operon_status notify_c(operon_host* host, operon_str kind, operon_str key) noexcept {
  try {
    return side(host).notify(kind, key);
  } catch (const std::exception& e) {
    operon::log::error("notify failed", {{"instance", side(host).core.name}, {"error", e.what()}});
    return OPERON_INTERNAL;
  }
}

operon_status invoke_c(operon_host* host, operon_call* parent, operon_str service, operon_str verb, operon_str request,
                       const operon_sink* sink, operon_operation** operation) noexcept {
  try {
    return side(host).invoke(parent, service, verb, request, sink, operation);
  } catch (...) {
    return OPERON_RESOURCE_EXHAUSTED;  // out of memory: what a service throws is handled where it is asked
  }
}

void resume_c(operon_host* host, operon_operation* operation) noexcept {
  side(host).resume(operation);
}
void cancel_c(operon_host* host, operon_operation* operation) noexcept {
  side(host).cancel(operation);
}

operon_str literal(const char* text) noexcept {
  return {text, std::strlen(text)};
}

}  // namespace

HostSide::HostSide(InstanceCore& c, std::set<std::string, std::less<>> services_declared, std::shared_ptr<const HostMeans> means)
    : core(c),
      api_{sizeof(operon_host_api),
           OPERON_ABI_MINOR,
           reinterpret_cast<operon_host*>(this),
           &call_api(),
           literal("operon"),
           literal(OPERON_VERSION),
           log_enabled_c,
           log_c,
           notify_c,
           invoke_c,
           resume_c,
           cancel_c},
      services_declared_(std::move(services_declared)),
      means_(std::move(means)) {}

void HostSide::detach() noexcept {
  std::shared_ptr<const HostMeans> dropped;
  std::lock_guard lock(mutex_);
  dropped.swap(means_);
}

std::shared_ptr<const HostMeans> HostSide::means() const {
  std::lock_guard lock(mutex_);
  return means_;
}

operon_status HostSide::allowed(std::string_view function) noexcept {
  switch (phase_.load(std::memory_order_acquire)) {
    case Phase::running:
      return OPERON_OK;
    case Phase::creating:
      core.fault(std::string(function) + " inside create()");
      return OPERON_FAILED_PRECONDITION;
    case Phase::quiesced:
      break;
  }
  core.late_uses.fetch_add(1, std::memory_order_relaxed);
  core.fault(std::string(function) + " after quiesce() had returned");
  return OPERON_CANCELLED;
}

void HostSide::log(int32_t level, std::string_view message, std::string_view fields, bool sound) {
  auto wanted = static_cast<operon::log::Level>(level);
  if (sound && !operon::log::enabled(wanted)) return;
  if (sound && !fields.empty()) sound = fields.size() <= log_message_bytes_max && is_json_object(fields);
  if (!sound) {
    core.fault("log() with a level, message or fields that are none");
    fields = {};
    wanted = operon::log::Level::warn;
  }
  std::string line = base::printable(message, log_message_bytes_max);
  std::string all = "{\"instance\":" + nlohmann::json(core.name).dump();
  size_t first = fields.find('"');
  if (first == std::string_view::npos) {
    all += "}";
  } else {
    all += ",";
    all += fields.substr(first);
  }
  operon::log::write_json(wanted, line, all);
}

operon_status HostSide::notify(operon_str kind, operon_str key) {
  if (operon_status no = allowed("notify()"); no != OPERON_OK) return no;
  if (broken(kind) || broken(key) || kind.len == 0 || kind.len > notify_bytes_max || key.len > notify_bytes_max) {
    core.fault("notify() with a kind or key that is none");
    return OPERON_INVALID_ARGUMENT;
  }
  std::shared_ptr<const HostMeans> all = means();
  if (all && all->on_notify) all->on_notify(core.name, view(kind), view(key));
  return OPERON_OK;
}

operon_status HostSide::invoke(operon_call* parent, operon_str service, operon_str verb, operon_str request, const operon_sink* sink,
                               operon_operation** operation) {
  if (operation != nullptr) *operation = nullptr;
  if (operon_status no = allowed("invoke()"); no != OPERON_OK) return no;
  bool sound = !broken(service) && !broken(verb) && !broken(request) && is_json(view(request)) && OPERON_HAS(sink, operon_sink, done);
  if (!sound) {
    core.fault("invoke() with a request that is not JSON, or without a sink");
    return OPERON_INVALID_ARGUMENT;
  }
  if (request.len > core.limits.payload_bytes_max) return OPERON_RESOURCE_EXHAUSTED;
  if (!services_declared_.contains(view(service))) {
    operon::log::warn("plugin asked a host service that its manifest does not list",
                      {{"instance", core.name}, {"plugin", core.plugin}, {"service", base::printable(view(service), 64)}});
    return OPERON_PERMISSION_DENIED;
  }
  std::shared_ptr<const HostMeans> all = means();
  if (!all) return OPERON_CANCELLED;
  auto found = all->services.find(view(service));
  if (found == all->services.end()) return OPERON_UNIMPLEMENTED;
  if (open_operations().count(core) >= operations_max) return OPERON_RESOURCE_EXHAUSTED;
  Question question{
      .core = &core, .verb = std::string(view(verb)), .request = std::string(view(request)), .handle = new_operation_handle()};
  std::memcpy(&question.sink, sink, std::min<size_t>(sink->struct_size, sizeof(operon_sink)));
  ParentView lent;
  if (parent != nullptr && !adopt_operation(parent, question.handle, lent)) return OPERON_CANCELLED;
  question.deadline_unix_ms = lent.deadline_unix_ms;
  uint64_t handle = question.handle;
  if (operation != nullptr) *operation = reinterpret_cast<operon_operation*>(handle);  // before the sink can be called
  std::shared_ptr<base::ServiceCall> call = make_operation(std::move(question));
  if (lent.cancelled) cancel_operation(handle);
  try {
    found->second->invoke(call);
  } catch (const Error& e) {
    call->fail(e);
  } catch (const std::exception& e) {
    call->fail(Error(Code::internal, "host service " + found->first + " failed: " + e.what()));
  }
  return OPERON_OK;
}

void HostSide::resume(operon_operation* operation) noexcept {
  if (!resume_operation(reinterpret_cast<uint64_t>(operation))) core.late_use(false, "resume()");
}

void HostSide::cancel(operon_operation* operation) noexcept {
  if (!cancel_operation(reinterpret_cast<uint64_t>(operation))) core.late_use(false, "cancel()");
}

}  // namespace operon::plugin
