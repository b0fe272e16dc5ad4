#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "core/app/operonctl/client.hpp"
#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/event_stream.hpp"
#include "core/app/operonctl/output.hpp"
#include "core/base/clock.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

const std::vector<Column> job_columns = {
    {"JOB", "jobId"},      {"SCENARIO", "scenarioName"}, {"CLUSTER", "clusterName"},     {"STATUS", "status"},
    {"AGE", "age"},        {"TARGET", "targetId", true}, {"STARTED", "startTime", true}, {"ENDED", "completionTime", true},
    {"MESSAGE", "message"}};

json with_age(json job) {
  job["age"] = age(job.value("startTime", ""), base::system_clock().unix_ms());
  return job;
}

std::string list_path(const JobsOptions& options, const std::string& more) {
  std::string path = "/scenarios/run?limit=" + std::to_string(options.limit == 0 || options.limit > 500 ? 500 : options.limit);
  if (!options.status.empty()) path += "&status=" + escape(options.status);
  if (!options.scenario.empty()) path += "&scenarioName=" + escape(options.scenario);
  if (!options.cluster.empty()) path += "&clusterName=" + escape(options.cluster);
  if (!more.empty()) path += "&continue=" + escape(more);
  return path;
}

json fetch(Client& client, const JobsOptions& options) {
  json all = json::array();
  std::string more;
  do {
    const json page = client.json("GET", list_path(options, more));
    for (const json& job : page.at("jobs")) {
      if (options.limit == 0 || all.size() < options.limit) all.push_back(job);
    }
    more = page.value("continue", "");
  } while (!more.empty() && (options.limit == 0 || all.size() < options.limit));
  return all;
}

bool wanted(const JobsOptions& options, const json& job) {
  return (options.status.empty() || job.value("status", "") == options.status) &&
         (options.scenario.empty() || job.value("scenarioName", "") == options.scenario) &&
         (options.cluster.empty() || job.value("clusterName", "") == options.cluster);
}

void print_change(const Settings& s, const json& job) {
  if (s.output == Output::json) {
    std::puts(job.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  } else if (s.output == Output::name) {
    std::puts(cell(job.at("jobId")).c_str());
  } else {
    std::printf("%s  %-20s %-16s %s  %s\n", cell(job.at("jobId")).c_str(), cell(job.at("scenarioName")).c_str(),
                cell(job.at("clusterName")).c_str(), colour_status(s, cell(job.at("status"))).c_str(),
                job.contains("message") ? cell(job["message"]).c_str() : "");
  }
  std::fflush(stdout);
}

bool for_people(const Settings& s) {
  return s.output == Output::table || s.output == Output::wide;
}

json stop_one(Client& client, const std::string& id) {
  return client.json("DELETE", "/scenarios/run/" + escape(id));
}

void print_stopped(const Settings& s, const json& job) {
  std::printf("%s: %s: %s\n", cell(job.at("jobId")).c_str(), colour_status(s, cell(job.at("status"))).c_str(),
              job.contains("message") ? cell(job["message"]).c_str() : "");
  std::fflush(stdout);
}

int watch(const Settings& s, Client& client, const JobsOptions& options) {
  follow_job_events(client, [&](const json& job) {
    if (wanted(options, job)) print_change(s, job);
    return true;
  });
  return exit_ok;
}

}  // namespace

int jobs(const Settings& s, const JobsOptions& options) {
  Client client(s);
  const json all = fetch(client, options);
  json rows = json::array();
  for (const json& job : all) rows.push_back(with_age(job));
  print_rows(s, job_columns, rows, "jobId", json{{"jobs", all}});
  if (!options.watch) return exit_ok;
  std::fflush(stdout);
  return watch(s, client, options);
}

int job(const Settings& s, const std::string& id) {
  Client client(s);
  print_object(s,
               {{"Job", "jobId"},
                {"Scenario", "scenarioName"},
                {"Status", "status"},
                {"Message", "message"},
                {"Cluster", "clusterName"},
                {"Target", "targetId"},
                {"Pod name", "podName"},
                {"Started", "startTime"},
                {"Ended", "completionTime"}},
               client.json("GET", "/scenarios/run/" + escape(id)), "jobId");
  return exit_ok;
}

int logs(const Settings& s, const LogsOptions& options) {
  Client client(s);
  std::string path = "/scenarios/run/" + escape(options.id) + "/logs?follow=" + (options.follow ? "true" : "false");
  if (options.timestamps) path += "&timestamps=true";
  if (!options.tail.empty()) path += "&tailLines=" + escape(options.tail);
  client.stream(path, [](std::string_view bytes) {
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size();
    return std::fflush(stdout) == 0 && written;
  });
  return exit_ok;
}

int stop(const Settings& s, const std::string& id) {
  Client client(s);
  const json job = stop_one(client, id);
  if (for_people(s)) {
    print_stopped(s, job);
  } else {
    print_object(s, {}, job, "jobId");
  }
  return exit_ok;
}

int stop_all(const Settings& s) {
  Client client(s);
  int result = exit_ok;
  std::set<std::string> ids;
  json stopped = json::array();
  for (const char* phase : {"Pending", "Running"}) {
    JobsOptions options;
    options.status = phase;
    for (const json& job : fetch(client, options)) ids.insert(job.at("jobId").get<std::string>());
  }
  for (const std::string& id : ids) {
    try {
      stopped.push_back(stop_one(client, id));
      if (for_people(s)) print_stopped(s, stopped.back());
    } catch (const Error& e) {  // one that cannot be stopped must not save the others
      std::fprintf(stderr, "operonctl: %s: %s\n", id.c_str(), e.what());
      result = exit_refused;
    }
  }
  if (!for_people(s)) print_rows(s, job_columns, stopped, "jobId", json{{"jobs", stopped}});
  std::fprintf(stderr, "%zu run%s\n", ids.size(), ids.size() == 1 ? "" : "s");
  return result;
}

int freeze(const Settings& s, const std::string& reason, bool stop_all) {
  Client client(s);
  const json body = {{"reason", reason}, {"stopAll", stop_all}};
  const json answer = client.json("POST", "/operon/v1/freeze", &body);
  if (!for_people(s)) {
    print_object(s, {}, answer, "reason");
    return exit_ok;
  }
  std::printf("frozen: no new run starts until 'operonctl unfreeze' (%s)\n", cell(answer.value("reason", reason)).c_str());
  if (stop_all)
    std::printf("stopped %s runs, the last one after %s ms\n", cell(answer.at("stopped")).c_str(), cell(answer.at("lastStopMs")).c_str());
  const bool all = !answer.contains("notConfirmed") || answer["notConfirmed"].empty();
  if (!all) std::fprintf(stderr, "operonctl: not confirmed yet: %s\n", cell(answer["notConfirmed"]).c_str());
  return all ? exit_ok : exit_refused;
}

int unfreeze(const Settings& s) {
  Client client(s);
  const json answer = client.json("POST", "/operon/v1/unfreeze");
  if (s.output == Output::json || s.output == Output::yaml) {
    print_object(s, {}, answer, "frozen");
  } else {
    std::puts("runs may start again");
  }
  return exit_ok;
}

}  // namespace operon::ctl
