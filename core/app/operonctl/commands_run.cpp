#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/app/operonctl/client.hpp"
#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/event_stream.hpp"
#include "core/app/operonctl/output.hpp"
#include "core/app/operonctl/target_request.hpp"
#include "core/base/files.hpp"
#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/fields/validate.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

constexpr size_t file_bytes_max = 32u << 20;  // the host's limit for a whole request

/// What the run is of: its name, its reference, its fields when the host knows them.
struct Scenario {
  std::string name, reference, registry;
  std::vector<fields::Field> fields;
  bool known = false;
};

Scenario look_up(Client& client, const RunOptions& options) {
  Scenario found;
  if (options.scenario.find('/') != std::string::npos && options.scenario.rfind("dir://", 0) != 0) {
    const std::string repository = options.scenario.substr(options.scenario.rfind('/') + 1);
    found.name = repository.substr(0, repository.find_first_of(":@"));
    found.reference = options.scenario;
    return found;
  }
  const std::string name = options.scenario.rfind("dir://", 0) == 0 ? options.scenario.substr(6) : options.scenario;
  std::string path = "/operon/v1/scenarios/" + escape(name);
  if (!options.registry.empty()) path += "?registry=" + escape(options.registry);
  const json detail = client.json("GET", path);
  found.name = detail.at("name");
  found.reference = detail.at("reference");
  found.registry = detail.at("registry");
  found.fields = detail.at("fields").get<std::vector<fields::Field>>();
  found.known = true;
  return found;
}

/// The cluster that was named; else the only one; else this machine. Throws Error listing what there is. Of two providers' clusters of one
/// name none is taken: a run on the wrong one cannot be taken back.
json choose_cluster(Client& client, const RunOptions& options, const std::string& target_id) {
  json rows = json::array();
  std::string names;
  for (const json& row : cluster_rows(client, target_id)) {
    names += (names.empty() ? "" : ", ") + row.at("cluster-name").get<std::string>() + " (provider " +
             row.at("provider").get<std::string>() + ")";
    if (options.provider.empty() || row.at("provider") == options.provider) rows.push_back(row);
  }
  std::string wanted = options.cluster;
  if (wanted.empty()) wanted = rows.size() == 1 ? rows[0].at("cluster-name").get<std::string>() : "localhost";
  json match = json::array();
  for (const json& row : rows) {
    if (row.at("cluster-name") == wanted) match.push_back(row);
  }
  if (match.size() == 1) return match[0];
  if (match.size() > 1)
    throw Error{Code::invalid_argument, "cluster '" + wanted + "' is offered by several providers: give --provider; there are: " + names};
  if (rows.empty() && !names.empty())
    throw Error{Code::not_found, "provider '" + options.provider + "' offers no cluster; there are: " + names};
  if (names.empty()) throw Error{Code::not_found, "no provider offers a cluster; see 'operonctl plugin list'"};
  if (options.cluster.empty()) throw Error{Code::invalid_argument, "which cluster? give --cluster with one of: " + names};
  throw Error{Code::not_found, "cluster '" + options.cluster + "' is not offered; there are: " + names};
}

std::map<std::string, std::string> assignments(const std::vector<std::string>& set) {
  std::map<std::string, std::string> values;
  for (const std::string& one : set) {
    const size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error{Code::invalid_argument, "--set '" + base::printable(one) + "' must read VARIABLE=VALUE"};
    values[one.substr(0, equals)] = one.substr(equals + 1);
  }
  return values;
}

/// File fields name a local path here; the request carries the content.
void read_file_fields(const Scenario& scenario, std::map<std::string, std::string>& environment, json& files) {
  for (const fields::Field& field : scenario.fields) {
    if (!field.variable || !environment.count(*field.variable)) continue;
    std::string& value = environment[*field.variable];
    if (field.type == fields::Type::file && field.mount_path) {
      files.push_back({{"name", std::filesystem::path(*field.mount_path).filename().string()},
                       {"content", base::base64_encode(base::read_file(value, file_bytes_max))},
                       {"mountPath", *field.mount_path}});
      environment.erase(*field.variable);
    } else if (field.type == fields::Type::file_base64) {
      value = base::base64_encode(base::read_file(value, file_bytes_max));
    }
  }
}

json make_request(Client& client, const RunOptions& options, const Scenario& scenario) {
  const std::string target_id = options.target_id.empty() ? request_targets(client) : options.target_id;
  const json cluster = choose_cluster(client, options, target_id);
  std::map<std::string, std::string> environment = assignments(options.set);
  json files = json::array();
  for (const auto& [path, mount] : options.files)
    files.push_back({{"name", std::filesystem::path(mount).filename().string()},
                     {"content", base::base64_encode(base::read_file(path, file_bytes_max))},
                     {"mountPath", mount}});
  read_file_fields(scenario, environment, files);
  if (scenario.known) {
    fields::Input input;
    input.environment = environment;
    for (const json& file : files) input.mount_paths.insert(file.at("mountPath").get<std::string>());
    fields::validate(scenario.fields, input);  // the host applies the defaults; this is only to say it sooner
  }
  json body = {{"targetId", target_id},
               {"clusterName", cluster.at("cluster-name")},
               {"provider", cluster.at("provider")},
               {"scenarioImage", scenario.reference},
               {"scenarioName", scenario.name},
               {"environment", environment}};
  if (!files.empty()) body["files"] = files;
  if (!scenario.registry.empty()) body["registry"] = scenario.registry;
  if (!options.runner.empty()) body["runner"] = options.runner;
  if (options.timeout_seconds > 0) body["timeoutSeconds"] = options.timeout_seconds;
  return body;
}

json wait_until_ended(const Settings& s, Client& client, const std::string& id) {
  const std::string path = "/scenarios/run/" + escape(id);
  const auto ended = [](const json& job) {
    const std::string status = job.at("status");
    return status == "Succeeded" || status == "Failed" || status == "Stopped";
  };
  json job = client.json("GET", path);
  if (ended(job)) return job;
  Client beside(s);
  follow_job_events(
      client,
      [&](const json& changed) {
        if (changed.value("jobId", "") == id) job = changed;
        return !ended(job);
      },
      [&] {
        job = beside.json("GET", path);  // it may have ended before the stream stood
        return !ended(job);
      });
  return job;
}

int report_end(const Settings& s, const json& job) {
  const std::string status = job.at("status");
  if (s.output == Output::json || s.output == Output::yaml) print_object(s, {}, job, "jobId");
  std::fprintf(stderr, "run %s: %s%s%s\n", cell(job.at("jobId")).c_str(), colour_status(s, status).c_str(),
               job.contains("message") ? ": " : "", job.contains("message") ? cell(job["message"]).c_str() : "");
  return status == "Succeeded" ? exit_ok : status == "Stopped" ? exit_run_stopped : exit_run_failed;
}

}  // namespace

int run(const Settings& s, const RunOptions& options) {
  Client client(s);
  const Scenario scenario = look_up(client, options);
  const json body = make_request(client, options, scenario);
  const std::string key = options.idempotency_key.empty() ? base::uuid_v4() : options.idempotency_key;
  const json accepted = client.json("POST", "/scenarios/run", &body, {{"Idempotency-Key", key}});
  const std::string id = accepted.at("jobId");
  if (s.output == Output::table || s.output == Output::wide) {
    std::fprintf(stderr, "run %s of %s on %s\n", id.c_str(), cell(body["scenarioName"]).c_str(), cell(body["clusterName"]).c_str());
  }
  if (!options.follow && !options.wait) {
    print_object(s, {{"Job", "jobId"}, {"Status", "status"}}, accepted, "jobId");
    return exit_ok;
  }
  if (options.follow) {
    LogsOptions follow;
    follow.id = id;
    follow.follow = true;
    logs(s, follow);
  }
  return report_end(s, wait_until_ended(s, client, id));
}

}  // namespace operon::ctl
