#include <algorithm>
#include <set>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/config/options.hpp"

namespace operon::config {
namespace {

void check_listeners(const Settings& settings, std::vector<std::string>& problems) {
  if (settings.listen.empty()) problems.emplace_back("listen: at least one address is needed");
  std::set<std::string> seen;
  std::vector<std::string> all = settings.listen;
  for (const auto& extra : {settings.probe_listen, settings.metrics.listen}) {
    if (!extra.empty()) all.push_back(extra);
  }
  for (const auto& text : all) {
    if (!text.ends_with(":0") && !seen.insert(text).second) problems.push_back("listen: " + text + " is asked for twice");
  }
  if (settings.rest.auth != "none" || settings.rest.allow_remote_without_auth) return;
  for (const auto& text : settings.listen) {
    const auto address = parse_address(text);
    if (!address || is_loopback(address->host)) continue;
    problems.push_back(
        "listen: " + text +
        " can be reached from other machines, and rest.auth is none, so that everybody who reaches it could start faults; set rest.auth "
        "to token-file, listen on 127.0.0.1, or set rest.allow_remote_without_auth to true");
  }
}

void check_tls(const std::string& key, const TlsFiles& tls, std::vector<std::string>& problems) {
  if (tls.cert.empty() != tls.key.empty())
    problems.push_back(key + ": cert and key go together; " + (tls.cert.empty() ? "cert" : "key") + " is missing");
  if (!tls.client_ca.empty() && tls.cert.empty())
    problems.push_back(key + ".client_ca: only a listener with cert and key can ask for certificates");
}

void check_default(const Settings& settings, const char* key, const std::string& name, std::vector<std::string>& problems) {
  if (name.empty()) return;
  std::vector<std::string> names;
  for (const auto& plugin : settings.plugins) names.push_back(plugin.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  auto near = base::nearest(name, names);
  if (near.empty()) near = names;
  std::string text;
  for (const auto& word : near) text += (text.empty() ? "" : ", ") + word;
  problems.push_back(std::string(key) + ": there is no plugin instance \"" + base::printable(name) + "\"" +
                     (text.empty() ? "; plugins is empty" : "; configured: " + text));
}

}  // namespace

void check(const Settings& settings, std::vector<std::string>& problems) {
  check_listeners(settings, problems);
  check_tls("rest.tls", settings.rest.tls, problems);
  check_tls("metrics.tls", settings.metrics.tls, problems);
  if (settings.rest.auth == "token-file" && settings.rest.token_file.empty()) {
    problems.emplace_back("rest.auth is token-file, and no file is named; set rest.token_file");
  }
  for (const auto& plugin : settings.plugins) {
    if (plugin.isolation == "inprocess") continue;
    problems.push_back(plugin.where + ": plugins." + plugin.name + ".isolation: " + plugin.isolation +
                       " is not available in this version; the only placement is inprocess");
  }
  check_default(settings, "defaults.registry", settings.defaults.registry, problems);
  check_default(settings, "defaults.runner", settings.defaults.runner, problems);
}

}  // namespace operon::config
