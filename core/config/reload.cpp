#include "core/config/reload.hpp"

#include <algorithm>

#include "core/config/options.hpp"

namespace operon::config {

Change compare(const Settings& before, const Settings& after) {
  Change change;
  for (const auto& option : options()) {
    if (value_text(option, before) == value_text(option, after)) continue;
    (option.reloadable ? change.reloadable : change.restart).push_back(option.key);
  }
  for (const auto& entry : after.plugins) {
    const auto old = std::find_if(before.plugins.begin(), before.plugins.end(), [&](const PluginEntry& e) { return e.name == entry.name; });
    if (old == before.plugins.end()) {
      change.restart.push_back("plugins." + entry.name);
      continue;
    }
    if (old->plugin != entry.plugin) change.restart.push_back("plugins." + entry.name + ".plugin");
    if (old->isolation != entry.isolation) change.restart.push_back("plugins." + entry.name + ".isolation");
    if (old->required != entry.required) change.restart.push_back("plugins." + entry.name + ".required");
    if (old->plugin == entry.plugin && old->config_json != entry.config_json) change.plugins.push_back(&entry);
  }
  for (const auto& entry : before.plugins) {
    const bool gone = std::none_of(after.plugins.begin(), after.plugins.end(), [&](const PluginEntry& e) { return e.name == entry.name; });
    if (gone) change.restart.push_back("plugins." + entry.name);
  }
  return change;
}

Settings take_reloadable(Settings before, const Settings& after) {
  for (const auto& option : options()) {
    if (!option.reloadable) continue;
    const auto from = option.slot(const_cast<Settings&>(after));
    const auto to = option.slot(before);
    std::visit([&](auto* into) { *into = *std::get<decltype(into)>(from); }, to);
  }
  return before;
}

}  // namespace operon::config
