/// core/plugin/instances.hpp: all configured plugin instances of this host.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/service.hpp"
#include "core/plugin/instance.hpp"

namespace operon::plugin {

/// One entry of the configuration's `plugins:` map.
struct InstanceSpec {
  std::string name;    ///< instance name
  std::string plugin;  ///< plugin id; a library of that id is looked up in the plugin folders
  std::string isolation = "inprocess";
  bool required = false;
  std::string config_json = "{}";
  std::string where;  ///< "file:line" of the entry, for messages
};

struct InstanceLimits {
  unsigned executor_threads_max = 4;  ///< per instance
  unsigned calls_queued_max = 256;    ///< waiting for a thread, per instance
  unsigned stuck_calls_max = 4;       ///< calls stuck at one time: quarantine
  unsigned faults_max = 20;           ///< exceptions, nonsense, double or late answers: quarantine
  std::chrono::milliseconds call_timeout_ms{30000};
  std::chrono::milliseconds stuck_after_ms{1000};  ///< that a plugin may take to end a call once its deadline has passed; then it is stuck
  size_t payload_bytes_max = 4u << 20;             ///< request, reply, item
  size_t stream_buffer_bytes_max = 256u << 10;
};

/// What `GET /operon/v1/plugins` shows of one entry.
struct InstanceInfo {
  std::string name, plugin, version, library, isolation;
  InstanceState state = InstanceState::refused;
  std::string reason;  ///< why refused or quarantined, one line naming file and reason
  bool required = false;
  std::vector<std::string> interfaces;
  std::vector<Permission> permissions;
  uint64_t calls = 0, failures = 0, faults = 0, stuck = 0;
};

/// Loading happens on the caller's thread; everything else is thread-safe.
class Instances {
 public:
  Instances(std::vector<std::filesystem::path> plugin_dirs, InstanceLimits);
  ~Instances();  ///< stops

  /// Before load. The service lives as long as this object.
  void add_service(std::shared_ptr<base::Service>);
  /// What a plugin's notify(kind, key) leads to: called on the plugin's thread, must not block. Before load.
  void on_notify(std::function<void(const std::string& instance, std::string_view kind, std::string_view key)>);

  /// Loads and configures; an entry that fails is listed as refused, with its reason, and never stops the others. Never throws for a
  /// plugin's sake.
  void load(const std::vector<InstanceSpec>&);
  /// New configuration for one instance (drained first). Throws Error; the old one stays in force then.
  void reconfigure(const std::string& name, const std::string& config_json);
  /// quiesce and destroy of all, each bounded by `grace`; what does not return is left behind and logged.
  void stop(std::chrono::milliseconds grace);

  /// Null when there is none of that name that is ready.
  std::shared_ptr<Instance> find(std::string_view name) const;
  /// Ready instances that offer the interface, in configuration order.
  std::vector<std::shared_ptr<Instance>> offering(std::string_view interface_id) const;
  std::vector<InstanceInfo> info() const;
  /// Of the instance's manifest, from before its plugin's code runs on; none for a name that is not known.
  std::vector<Permission> permissions_of(std::string_view name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::plugin
