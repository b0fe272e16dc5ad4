#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/app/operonctl/client.hpp"
#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/output.hpp"
#include "core/app/operonctl/target_request.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

const std::vector<Column> cluster_columns = {{"PROVIDER", "provider"}, {"CLUSTER", "cluster-name"}, {"API URL", "cluster-api-url"}};

}  // namespace

int targets(const Settings& s) {
  Client client(s);
  const std::string id = request_targets(client);
  const json rows = cluster_rows(client, id);
  if (s.output == Output::name) {
    std::puts(id.c_str());
    return exit_ok;
  }
  print_rows(s, cluster_columns, rows, "cluster-name", json{{"id", id}, {"clusters", rows}});
  if (s.output == Output::table || s.output == Output::wide) std::fprintf(stderr, "target request %s\n", id.c_str());
  return exit_ok;
}

int clusters(const Settings& s, const std::string& target_id) {
  Client client(s);
  const json rows = cluster_rows(client, target_id.empty() ? request_targets(client) : target_id);
  print_rows(s, cluster_columns, rows, "cluster-name", rows);
  return exit_ok;
}

int plugin_list(const Settings& s) {
  Client client(s);
  const json answer = client.json("GET", "/operon/v1/plugins");
  print_rows(s,
             {{"INSTANCE", "name"},
              {"PLUGIN", "plugin"},
              {"VERSION", "version"},
              {"STATE", "state"},
              {"INTERFACES", "interfaces"},
              {"CALLS", "calls", true},
              {"FAULTS", "faults", true},
              {"LIBRARY", "library", true},
              {"REASON", "reason"}},
             answer.at("plugins"), "name", answer);
  return exit_ok;
}

int version(const Settings& s) {
  json answer = {{"client", OPERON_VERSION}};
  int result = exit_ok;
  try {
    Client client(s);
    answer["server"] = client.json("GET", "/operon/v1/version").value("version", "");
  } catch (const Error& e) {  // our own version is worth telling also without a host
    std::fprintf(stderr, "operonctl: %s\n", e.what());
    result = e.code() == Code::unavailable ? exit_unreachable : exit_refused;
  }
  print_object(s, {{"operonctl", "client"}, {"operond", "server"}}, answer, "client");
  return result;
}

int status(const Settings& s) {
  Client client(s);
  json answer = {{"server", client.server()}};
  answer["health"] = client.json("GET", "/health").value("status", "");
  answer["version"] = client.json("GET", "/operon/v1/version").value("version", "");
  const json frozen = client.json("GET", "/operon/v1/freeze");
  answer["frozen"] = frozen.value("frozen", false) ? "yes: " + frozen.value("reason", "") : "no";
  for (const char* phase : {"Pending", "Running"}) {
    size_t count = 0;
    std::string more;
    do {
      const json page =
          client.json("GET", std::string("/scenarios/run?limit=500&status=") + phase + (more.empty() ? "" : "&continue=" + escape(more)));
      count += page.at("jobs").size();
      more = page.value("continue", "");
    } while (!more.empty());
    answer[phase] = count;
  }
  json refused = json::array();
  for (const json& plugin : client.json("GET", "/operon/v1/plugins").at("plugins")) {
    if (plugin.value("state", "") != "ready") refused.push_back(plugin.value("name", "") + ": " + plugin.value("reason", ""));
  }
  if (!refused.empty()) answer["plugins not ready"] = refused;
  print_object(s,
               {{"Server", "server"},
                {"Health", "health"},
                {"Version", "version"},
                {"Frozen", "frozen"},
                {"Runs pending", "Pending"},
                {"Runs running", "Running"},
                {"Plugins not ready", "plugins not ready"}},
               answer, "server");
  return exit_ok;
}

}  // namespace operon::ctl
