#include "core/targets/provider_heartbeat.hpp"

#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/kube/api.hpp"
#include "core/log/log.hpp"
#include "core/targets/request_object.hpp"
#include "operon/kinds/target_provider.hpp"

namespace operon::targets {

using nlohmann::json;

ProviderHeartbeat::ProviderHeartbeat(plugin::Directory directory, kube::Client& client, std::string name_space, base::Clock& clock)
    : directory_(std::move(directory)), client_(client), name_space_(std::move(name_space)), clock_(clock) {}

ProviderHeartbeat::~ProviderHeartbeat() {
  stop();
}

void ProviderHeartbeat::start() {
  if (thread_.joinable()) return;
  stopping_ = false;
  thread_ = std::thread([this] { loop(); });
}

void ProviderHeartbeat::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  for (const auto& instance : beating_) {
    try {
      write(instance, false, switch_off_max);
    } catch (const Error& e) {
      log::warn("a target provider could not be switched off; it counts as gone when its heartbeat is old",
                {{"provider", instance}, {"reason", e.what()}});
    }
  }
  beating_.clear();
}

void ProviderHeartbeat::loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    beat();
    lock.lock();
    wake_.wait_for(lock, period, [this] { return stopping_; });
  }
}

void ProviderHeartbeat::beat() {
  for (const auto& instance : directory_.offering(kinds::target_provider::id)) {
    try {
      write(instance->name(), true, period);
      beating_.insert(instance->name());
    } catch (const Error& e) {
      log::warn("a target provider's heartbeat was not written", {{"provider", instance->name()}, {"reason", e.what()}});
    }
  }
}

void ProviderHeartbeat::write(const std::string& instance, bool active, std::chrono::milliseconds timeout) {
  const kube::Api api(client_, timeout);
  const json object = {{"apiVersion", api_version},
                       {"kind", "KrknOperatorTargetProvider"},
                       {"metadata", {{"name", instance}}},
                       {"spec", {{"operator-name", instance}, {"active", active}}}};
  // Forced: krkn-operator, which was here before, and kubectl may have owned `active`.
  api.apply(provider_resource(), {name_space_, instance}, object, {.field_manager = "operon", .force = true});
  if (!active) return;
  api.patch(provider_resource(), {name_space_, instance, "status"}, kube::PatchType::merge,
            {{"status", {{"timestamp", base::rfc3339(clock_.unix_ms())}}}});
}

}  // namespace operon::targets
