#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/app/operonctl/client.hpp"
#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/dry_run.hpp"
#include "core/app/operonctl/event_stream.hpp"
#include "core/app/operonctl/output.hpp"
#include "core/app/operonctl/run_values.hpp"
#include "core/app/operonctl/scenario_lookup.hpp"
#include "core/app/operonctl/target_request.hpp"
#include "core/base/ids.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

std::string names_of(const json& rows) {
  std::string names;
  for (const json& row : rows)
    names += (names.empty() ? "" : ", ") + row.at("cluster-name").get<std::string>() + " (provider " +
             row.at("provider").get<std::string>() + ")";
  return names;
}

/// The cluster of that name; without one the only one there is, else this machine. Throws Error listing what there is. Of two providers'
/// clusters of one name none is taken: a run on the wrong one cannot be taken back.
json choose_cluster(const json& all, const std::string& provider, const std::string& named) {
  const std::string names = names_of(all);
  json rows = json::array(), match = json::array();
  for (const json& row : all) {
    if (provider.empty() || row.at("provider") == provider) rows.push_back(row);
  }
  std::string wanted = named;
  if (wanted.empty()) wanted = rows.size() == 1 ? rows[0].at("cluster-name").get<std::string>() : "localhost";
  for (const json& row : rows) {
    if (row.at("cluster-name") == wanted) match.push_back(row);
  }
  if (match.size() == 1) return match[0];
  if (match.size() > 1)
    throw Error{Code::invalid_argument, "cluster '" + wanted + "' is offered by several providers: give --provider; there are: " + names};
  if (rows.empty() && !names.empty()) throw Error{Code::not_found, "provider '" + provider + "' offers no cluster; there are: " + names};
  if (names.empty()) throw Error{Code::not_found, "no provider offers a cluster; see 'operonctl plugin list'"};
  if (named.empty()) throw Error{Code::invalid_argument, "which cluster? give --cluster with one of: " + names};
  throw Error{Code::not_found, "cluster '" + named + "' is not offered; there are: " + names};
}

/// A body of POST /scenarios/run for each cluster. All are looked up before any run starts.
std::vector<json> make_requests(Client& client, const RunOptions& options, const Scenario& scenario, json body) {
  const std::string target_id = options.target_id.empty() ? request_targets(client) : options.target_id;
  body["targetId"] = target_id;
  body["scenarioImage"] = scenario.reference;
  body["scenarioName"] = scenario.name;
  if (!scenario.registry.empty()) body["registry"] = scenario.registry;
  if (!options.runner.empty()) body["runner"] = options.runner;
  if (!options.digest.empty()) body["scenarioDigest"] = options.digest;
  if (options.timeout_seconds > 0) body["timeoutSeconds"] = options.timeout_seconds;
  const json all = cluster_rows(client, target_id);
  std::vector<json> requests;
  for (const std::string& named : options.clusters.empty() ? std::vector<std::string>{""} : options.clusters) {
    const json cluster = choose_cluster(all, options.provider, named);
    body["clusterName"] = cluster.at("cluster-name");
    body["provider"] = cluster.at("provider");
    requests.push_back(body);
  }
  return requests;
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
  std::fprintf(stderr, "run %s: %s%s%s\n", cell(job.at("jobId")).c_str(), colour_status(s, status).c_str(),
               job.contains("message") ? ": " : "", job.contains("message") ? cell(job["message"]).c_str() : "");
  return status == "Succeeded" ? exit_ok : status == "Stopped" ? exit_run_stopped : exit_run_failed;
}

void check_together(const RunOptions& options) {
  check(options.registry);
  const auto wrong = [](const char* what) { throw Error{Code::invalid_argument, what}; };
  if (options.scenario.empty()) wrong("which scenario? give its NAME, or 'scenario' in the file");
  if (options.clusters.size() > 1 && options.follow) wrong("--follow shows the log of one run: give one cluster, or --wait");
  if (options.clusters.size() > 1 && !options.idempotency_key.empty()) wrong("an idempotency key is of one run: give one cluster");
  if (options.target_id.empty() && !options.idempotency_key.empty())
    wrong("an idempotency key needs a target id too: a new target request would make every repetition another request");
  for (size_t i = 0; i < options.clusters.size(); ++i) {
    if (std::count(options.clusters.begin(), options.clusters.end(), options.clusters[i]) > 1) wrong("a cluster is named twice");
  }
}

/// What the command line and the file say, together; relative paths of the file's file fields begin in its folder.
Values given_values(const RunOptions& options, const Scenario& scenario) {
  Values values = options.file_values;
  for (const fields::Field& field : scenario.fields) {
    if (!field.variable || (field.type != fields::Type::file && field.type != fields::Type::file_base64)) continue;
    const auto path = values.find(*field.variable);
    if (path != values.end() && !path->second.empty() && path->second.front() != '/')
      path->second = (std::filesystem::path(options.file_folder) / path->second).string();
  }
  for (const auto& [variable, value] : options.values) values[variable] = value;
  return values;
}

int dry_run(const Settings& s, Client& client, const RunOptions& options, const Scenario& scenario, const std::vector<json>& requests) {
  Headers headers;
  if (!options.idempotency_key.empty()) headers.emplace_back("Idempotency-Key", options.idempotency_key);
  json all = json::array();
  for (const json& body : requests) {
    json plan = client.json("POST", "/operon/v1/runs/plan", &body, headers);
    const json secret = plan.value("secretVariables", json::array());  // the host may know more of them, as of the scenario's base
    all.push_back({{"body", masked(scenario, secret, body)}, {"plan", std::move(plan)}});
    for (const auto& [name, value] : headers) all.back()["headers"][name] = value;
  }
  if (options.target_id.empty()) {
    const std::string id = cell(requests[0].at("targetId"));
    std::fprintf(stderr, "target request %s was made to look up the cluster; --target-id %s takes it again\n", id.c_str(), id.c_str());
  }
  print_dry_runs(s, all);
  return exit_ok;
}

/// Starts them one after the other. One that is refused ends that; what runs already is told all the same.
json start_all(const Settings& s, Client& client, const RunOptions& options, const std::vector<json>& requests,
               std::optional<Error>& refused) {
  json started = json::array();
  for (const json& body : requests) {
    const std::string key = options.idempotency_key.empty() ? base::uuid_v4() : options.idempotency_key;
    try {
      started.push_back(client.json("POST", "/scenarios/run", &body, {{"Idempotency-Key", key}}));
    } catch (const Error& e) {
      if (started.empty()) throw;
      refused = Error{e.code(), "cluster '" + body.at("clusterName").get<std::string>() + "': " + e.what()};
      return started;
    }
    started.back()["clusterName"] = body["clusterName"];
    if (s.output == Output::table || s.output == Output::wide)
      std::fprintf(stderr, "run %s of %s on %s\n", cell(started.back().at("jobId")).c_str(), cell(body["scenarioName"]).c_str(),
                   cell(body["clusterName"]).c_str());
  }
  return started;
}

void print_several(const Settings& s, const json& jobs) {
  print_rows(s, {{"JOB", "jobId"}, {"CLUSTER", "clusterName"}, {"STATUS", "status"}}, jobs, "jobId", json{{"jobs", jobs}});
}

void print_started(const Settings& s, const RunOptions& options, json started) {
  if (options.clusters.size() > 1) return print_several(s, started);
  started[0].erase("clusterName");
  print_object(s, {{"Job", "jobId"}, {"Status", "status"}}, started[0], "jobId");
}

/// The worst exit code of all.
int wait_for_all(const Settings& s, Client& client, const RunOptions& options, const json& started) {
  int result = exit_ok;
  json ended = json::array();
  for (const json& job : started) {
    ended.push_back(wait_until_ended(s, client, job.at("jobId")));
    result = std::max(result, report_end(s, ended.back()));
  }
  if (s.output == Output::json || s.output == Output::yaml) {
    if (options.clusters.size() > 1) {
      print_several(s, ended);
    } else {
      print_object(s, {}, ended[0], "jobId");
    }
  }
  return result;
}

}  // namespace

int run(const Settings& s, RunOptions options) {
  add_run_file(options);
  check_together(options);
  Client client(s);
  const json registry = registry_body(s, options.registry);
  const Scenario scenario = look_up(client, options.registry, registry, options.scenario);
  Values values = given_values(options, scenario);
  // Who filled in a form saw these very fields: nothing else is to run.
  if (scenario.known && complete(s, scenario, options.files, values) && options.digest.empty()) options.digest = scenario.digest;
  json body = values_body(scenario, std::move(values), options.files);
  body.update(registry);
  const auto requests = make_requests(client, options, scenario, std::move(body));
  if (options.dry_run) return dry_run(s, client, options, scenario, requests);

  std::optional<Error> refused;
  const json started = start_all(s, client, options, requests, refused);
  if (!options.follow && !options.wait) {
    print_started(s, options, started);
    if (refused) throw *refused;
    return exit_ok;
  }
  if (options.follow) {
    LogsOptions follow;
    follow.id = started[0].at("jobId");
    follow.follow = true;
    logs(s, follow);
  }
  const int result = wait_for_all(s, client, options, started);
  if (refused) throw *refused;
  return result;
}

}  // namespace operon::ctl
