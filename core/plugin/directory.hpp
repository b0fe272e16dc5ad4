/// core/plugin/directory.hpp: how the parts above ask for plugin instances, so that their tests run on instances of their own.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/plugin/instance.hpp"
#include "core/plugin/instances.hpp"

namespace operon::plugin {

/// Three questions, each thread-safe. The host's directory is `directory_of(instances)`; it must not outlive them.
struct Directory {
  /// Null when there is none of that name that is ready.
  std::function<std::shared_ptr<Instance>(std::string_view name)> find;
  /// Ready instances that offer the interface, in configuration order.
  std::function<std::vector<std::shared_ptr<Instance>>(std::string_view interface_id)> offering;
  /// Every configured entry, also the refused ones.
  std::function<std::vector<InstanceInfo>()> info;
};

inline Directory directory_of(const Instances& instances) {
  return {[&instances](std::string_view name) { return instances.find(name); },
          [&instances](std::string_view interface_id) { return instances.offering(interface_id); },
          [&instances] { return instances.info(); }};
}

}  // namespace operon::plugin
