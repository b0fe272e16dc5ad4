#include <algorithm>
#include <set>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/config/options.hpp"

namespace operon::config {
namespace {

/// Collects problems, each behind the place that the value at fault came from.
class Checks {
 public:
  Checks(const Settings& settings, const Where& where, std::vector<std::string>& problems)
      : settings_(settings), where_(where), problems_(problems) {}

  void listeners() const;
  void tls(const std::string& key, const TlsFiles&) const;
  void authentication() const;
  void database() const;
  void registries() const;
  void placements() const;
  void default_instance(const std::string& key, const std::string& name) const;

 private:
  void problem(const std::string& key, const std::string& text, const std::string& entry = {}) const {
    const auto place = where_(key, entry);
    problems_.push_back((place.empty() ? "" : place + ": ") + text);
  }

  const Settings& settings_;
  const Where& where_;
  std::vector<std::string>& problems_;
};

void Checks::listeners() const {
  if (settings_.listen.empty()) problem("listen", "listen: at least one address is needed");
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& text : settings_.listen) all.emplace_back("listen", text);
  all.emplace_back("probe_listen", settings_.probe_listen);
  all.emplace_back("metrics.listen", settings_.metrics.listen);
  std::set<std::string> seen;
  for (const auto& [key, text] : all) {
    if (text.empty() || text.ends_with(":0") || seen.insert(text).second) continue;
    problem(key, key + ": " + text + " is asked for twice", text);
  }
  if (settings_.rest.auth != "none" || settings_.rest.allow_remote_without_auth) return;
  for (const auto& text : settings_.listen) {
    const auto address = parse_address(text);
    if (!address || is_loopback(address->host)) continue;
    problem("listen",
            "listen: " + text +
                " can be reached from other machines, and rest.auth is none, so that everybody who reaches it could start faults; set "
                "rest.auth to token-file or kubernetes, listen on 127.0.0.1, or set rest.allow_remote_without_auth to true",
            text);
  }
}

void Checks::tls(const std::string& key, const TlsFiles& files) const {
  if (files.cert.empty() != files.key.empty()) {
    const std::string there = files.cert.empty() ? "key" : "cert", missing = files.cert.empty() ? "cert" : "key";
    problem(key + "." + there, key + ": cert and key go together; " + missing + " is missing");
  }
  if (!files.client_ca.empty() && files.cert.empty())
    problem(key + ".client_ca", key + ".client_ca: only a listener with cert and key can ask for certificates");
}

void Checks::authentication() const {
  if (settings_.rest.auth == "token-file" && settings_.rest.token_file.empty())
    problem("rest.auth", "rest.auth is token-file, and no file is named; set rest.token_file");
}

/// Whether a database's address seems to hold a password: "user:password@", or the keyword. core/jobs asks libpq itself.
bool holds_password(std::string_view address) {
  constexpr std::string_view keyword = "password";
  for (auto at = address.find(keyword); at != std::string_view::npos; at = address.find(keyword, at + 1)) {
    const auto next = address.find_first_not_of(" \t", at + keyword.size());
    if (next != std::string_view::npos && address[next] == '=') return true;
  }
  const auto scheme = address.find("://");
  if (scheme == std::string_view::npos) return false;
  const auto authority = address.substr(scheme + 3, address.find_first_of("/?", scheme + 3) - scheme - 3);
  return authority.substr(0, std::min(authority.rfind('@'), authority.size())).find(':') != std::string_view::npos &&
         authority.find('@') != std::string_view::npos;
}

void Checks::database() const {
  const auto& jobs = settings_.jobs;
  if (holds_password(jobs.database)) {
    problem("jobs.database",
            "jobs.database: a password does not belong there, where others see it; put it into a file and name that in "
            "jobs.database_password_file");
  }
  if (!jobs.database.empty() && jobs.store != "local") {
    problem("jobs.database", "jobs.database: with jobs.store " + jobs.store +
                                 ", runs are recorded as Run objects and need no database; leave one of them out");
  }
  if (jobs.database.empty() && !jobs.database_password_file.empty())
    problem("jobs.database_password_file", "jobs.database_password_file: there is no jobs.database that it could be for");
}

/// "HOST[:PORT][/PATH]": an entry that names no host would allow nothing, or something else than its author meant.
void Checks::registries() const {
  const std::string key = "scenarios.allowed_registries";
  for (const auto& place : settings_.scenarios.allowed_registries) {
    const auto host = std::string_view(place).substr(0, place.find('/'));
    const bool is_host = host == "localhost" || host.find_first_of(".:") != std::string_view::npos;
    const bool legal = std::all_of(place.begin(), place.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("._-/:[]").find(c) != std::string_view::npos;
    });
    const bool has_tag = host.size() < place.size() && place.find(':', host.size()) != std::string::npos;
    if (host == "index.docker.io") {
      problem(key, key + ": \"" + base::printable(place) + "\" would match nothing: that registry's name is docker.io; write docker.io" +
                       base::printable(place.substr(host.size())));
      continue;
    }
    if (is_host && legal && !has_tag && place.find("//") == std::string::npos) continue;
    problem(key, key + ": \"" + base::printable(place) +
                     "\" names no registry; write its host, and a path where not all of it is meant, in lower case and without a scheme or "
                     "tag: quay.io, quay.io/krkn-chaos, localhost:5000");
  }
}

void Checks::placements() const {
  for (const auto& plugin : settings_.plugins) {
    if (plugin.isolation == "inprocess") continue;
    problems_.push_back(plugin.where + ": plugins." + plugin.name + ".isolation: " + plugin.isolation +
                        " is not available in this version; the only placement is inprocess");
  }
}

void Checks::default_instance(const std::string& key, const std::string& name) const {
  if (name.empty()) return;
  std::vector<std::string> names;
  for (const auto& plugin : settings_.plugins) names.push_back(plugin.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  auto near = base::nearest(name, names);
  if (near.empty()) near = names;
  std::string text;
  for (const auto& word : near) text += (text.empty() ? "" : ", ") + word;
  problem(key, key + ": there is no plugin instance \"" + base::printable(name) + "\"" +
                   (text.empty() ? "; plugins is empty" : "; configured: " + text));
}

}  // namespace

void check(const Settings& settings, const Where& where, std::vector<std::string>& problems) {
  const Checks checks(settings, where, problems);
  checks.listeners();
  checks.tls("rest.tls", settings.rest.tls);
  checks.tls("metrics.tls", settings.metrics.tls);
  checks.authentication();
  checks.database();
  checks.registries();
  checks.placements();
  checks.default_instance("defaults.registry", settings.defaults.registry);
  checks.default_instance("defaults.runner", settings.defaults.runner);
}

}  // namespace operon::config
