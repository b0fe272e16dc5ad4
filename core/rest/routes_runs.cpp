#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/rest/answer.hpp"
#include "core/rest/audit.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::rest {

namespace jr = kinds::job_runner;
using nlohmann::json;

namespace {

Error job_not_found(const std::string& id) {
  return {Code::not_found, "Job with ID '" + base::printable(id) + "' not found"};
}

http::Response start(Services& s, const http::Request& request, Audit& audit) {
  const std::string key = request.header ? request.header("Idempotency-Key").value_or("") : "";
  const auto run = control::parse_run_request(request.body, key, s.run_flow.settings().limits);
  audit.detail = "scenario " + base::printable(run.scenario_name) + " on " + base::printable(run.cluster_name);
  const auto accepted = s.run_flow.start(run, {request.caller.name, request.request_id});
  audit.job = accepted.job.id;
  if (accepted.repeated) audit.detail += " (repeated)";
  // Always Pending: a repeated request gets the same answer, whatever the run has come to since.
  return json_answer(201, {{"jobId", accepted.job.id}, {"status", "Pending"}, {"podName", accepted.job.pod_name()}});
}

/// What follows from the request; a run that is there already tells its record alone.
void add_request(json& answer, const jr::StartRequest& request) {
  json files = json::array();
  for (const auto& file : request.files)
    files.push_back({{"name", file.name}, {"mountPath", file.mount_path}, {"size", file.size}, {"sha256", file.sha256}});
  answer["files"] = std::move(files);
  answer["kubeconfigPath"] = request.kubeconfig_path;
  answer["environment"] = request.environment;
  answer["secretVariables"] = request.secret_variables;
}

json planned_json(const control::RunPlan& plan) {
  const auto& job = plan.start.job;
  json answer = {{"jobId", job.id},
                 {"podName", job.pod_name()},
                 {"targetId", job.target_id},
                 {"clusterName", job.cluster_name},
                 {"provider", job.provider},
                 {"scenarioName", job.scenario_name},
                 {"scenarioImage", job.scenario_image},
                 {"runner", job.runner},
                 {"validated", job.validated}};
  if (!job.registry.empty()) answer["registry"] = job.registry;
  if (!job.message.empty()) answer["message"] = job.message;
  if (job.timeout_seconds > 0) answer["timeoutSeconds"] = job.timeout_seconds;
  if (plan.repeats) {
    answer["repeats"] = true;
  } else {
    add_request(answer, plan.start.request);
  }
  if (!plan.objects.empty()) answer["objects"] = json::parse(plan.objects);
  return answer;
}

/// What POST /scenarios/run would do with this body.
http::Response plan(Services& s, const http::Request& request) {
  only_query_keys(request, {});
  const std::string key = request.header ? request.header("Idempotency-Key").value_or("") : "";
  const auto run = control::parse_run_request(request.body, key, s.run_flow.settings().limits);
  return json_answer(200, planned_json(s.run_flow.plan(run, {request.caller.name, request.request_id})));
}

jobs::JobFilter filter_of(const http::Request& request) {
  jobs::JobFilter filter;
  if (const auto status = query_text(request, "status"); !status.empty()) {
    try {
      filter.phase = jr::phase_from_string(status);
    } catch (const Error&) {
      throw Error(Code::invalid_argument, "query parameter 'status' must be Pending, Running, Succeeded, Failed or Stopped, not '" +
                                              base::printable(status, 80) + "'")
          .with_field("status");
    }
  }
  filter.scenario_name = query_text(request, "scenarioName");
  filter.target_id = query_text(request, "targetId");
  filter.cluster_name = query_text(request, "clusterName");
  return filter;
}

http::Response list(Services& s, const http::Request& request) {
  const auto filter = filter_of(request);
  const auto limit = query_number(request, "limit", 1, s.settings.page_jobs_max).value_or(0);
  auto page = s.jobs.list(filter, static_cast<unsigned>(limit), query_text(request, "continue"));
  std::string body = std::move(page.jobs_json);
  body.insert(0, "{\"jobs\":");
  if (!page.continue_token.empty()) body += ",\"continue\":" + json_text(page.continue_token);
  body += '}';
  return http::Response::json(200, std::move(body));
}

http::Response get(Services& s, const http::Request& request) {
  const std::string& id = path_parameter(request, "jobId");
  const auto job = s.jobs.get(id);
  if (!job) throw job_not_found(id);
  return http::Response::json(200, jobs::to_contract_json(*job));
}

http::Response stop(Services& s, const http::Request& request, Audit& audit) {
  const std::string& id = path_parameter(request, "jobId");
  audit.job = base::printable(id);
  if (!s.jobs.get(id)) throw job_not_found(id);
  const auto stopped = s.jobs.stop(id);
  if (!stopped.confirmed) {
    audit.detail = "not confirmed yet";
    return http::Response::json(202, jobs::to_contract_json(stopped.job));
  }
  // Also for a run that had ended by itself: its objects are gone now, and GET goes on telling how it ended.
  json answer = json::parse(jobs::to_contract_json(stopped.job));
  answer["status"] = "Stopped";
  answer["message"] = "Job stopped and deleted successfully";
  return json_answer(200, answer);
}

}  // namespace

std::vector<http::Route> run_routes(Services& services) {
  std::vector<http::Route> routes(5);
  routes[0].method = http::Method::post;
  routes[0].pattern = "/scenarios/run";
  routes[0].role = http::Role::run;
  routes[0].interface_id = jr::id;
  routes[0].body_bytes_max = services.run_flow.settings().limits.body_bytes_max;
  routes[0].handler = audited([&services](const http::Request& r, Audit& a) { return start(services, r, a); });

  routes[1].pattern = "/scenarios/run";
  routes[1].handler = [&services](const http::Request& r) { return list(services, r); };

  routes[2].pattern = "/scenarios/run/{jobId}";
  routes[2].handler = [&services](const http::Request& r) { return get(services, r); };

  routes[3].method = http::Method::del;
  routes[3].pattern = "/scenarios/run/{jobId}";
  routes[3].role = http::Role::stop;
  routes[3].interface_id = jr::id;
  routes[3].ignores_body = true;
  routes[3].handler = audited([&services](const http::Request& r, Audit& a) { return stop(services, r, a); });

  routes[4].method = http::Method::post;
  routes[4].pattern = "/operon/v1/runs/plan";
  routes[4].role = http::Role::run;
  routes[4].interface_id = jr::id;
  routes[4].body_bytes_max = services.run_flow.settings().limits.body_bytes_max;
  routes[4].handler = [&services](const http::Request& r) { return plan(services, r); };
  return routes;
}

}  // namespace operon::rest
