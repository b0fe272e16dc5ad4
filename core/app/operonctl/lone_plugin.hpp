/// core/app/operonctl/lone_plugin.hpp: one plugin library in this process, without a host daemon: what `plugin call` and `plugin validate`
/// stand on.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/plugin/instance.hpp"
#include "core/plugin/instances.hpp"

namespace operon::ctl {

/// Loads as operond would (same checks, same messages). Host services are the real ones; key-value state is private and temporary.
class LonePlugin {
 public:
  /// Throws Error(failed_precondition) with the loader's own refusal.
  LonePlugin(const std::string& library, const std::string& config_json);
  ~LonePlugin();

  plugin::Instance& instance() { return *instance_; }
  plugin::Instances& instances() { return *instances_; }

 private:
  std::filesystem::path state_;  ///< key-value state, gone with this object
  std::unique_ptr<plugin::Instances> instances_;
  std::shared_ptr<plugin::Instance> instance_;
};

/// The manifest beside a library: `<library>.manifest.json`. Throws Error naming the file.
plugin::Manifest manifest_beside(const std::string& library);

}  // namespace operon::ctl
