#include "core/control/run_flow.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "core/jobs/start_rules.hpp"
#include "core/log/log.hpp"
#include "operon/kinds/job_runner_json.hpp"

namespace operon::control {

namespace jr = kinds::job_runner;

namespace {

/// The files as the runner sees them, and their bytes beside the request.
void add_files(const RunRequest& r, jobs::StartCommand& command) {
  for (size_t i = 0; i < r.files.size(); ++i) {
    const auto& file = r.files[i];
    const std::string blob = "file-" + std::to_string(i);
    command.request.files.push_back({file.name, file.mount_path, blob, file.content->size(), base::sha256_hex(*file.content)});
    command.blobs.emplace(blob, file.content);
  }
}

/// Secret by declaration; what nothing declares, by name.
std::vector<std::string> secret_variables(const RunRequest& r, const ScenarioFacts& facts, const fields::Validated& values) {
  std::vector<std::string> names = values.secret_variables;
  for (const auto& name : r.secret_variables)
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  const auto declared = declared_variables(facts);
  const auto among = [](const auto& list, const auto& name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  for (const auto& [name, value] : values.environment)
    if (base::is_secret_name(name) && !among(declared, name) && !among(names, name)) names.push_back(name);
  return names;
}

std::optional<jr::PullCredentials> pull_credentials(const RunRequest& r) {
  if (!r.own_registry) return std::nullopt;
  const auto& o = *r.own_registry;
  return jr::PullCredentials{o.registry_url, o.repository, o.username, o.password, o.token, o.skip_tls, o.insecure};
}

std::vector<base::KnownSecret> secrets_of(const RunRequest& r, const jr::StartRequest& start) {
  std::vector<base::KnownSecret> secrets;
  for (const auto& name : start.secret_variables)
    if (const auto it = start.environment.find(name); it != start.environment.end()) secrets.emplace_back(it->second);
  if (r.own_registry) {
    secrets.emplace_back(r.own_registry->password);
    secrets.emplace_back(r.own_registry->token);
  }
  return secrets;
}

constexpr size_t plan_bytes_max = 8u << 20;
constexpr const char* mask = "***";

/// Without anything that nobody is to see: what is made of it cannot tell it.
jobs::StartCommand masked(jobs::StartCommand command) {
  auto& request = command.request;
  for (const auto& name : request.secret_variables) {
    if (const auto it = request.environment.find(name); it != request.environment.end()) it->second = mask;
  }
  if (request.target.kubeconfig) request.target.kubeconfig = mask;
  if (request.pull) {
    for (auto* credential : {&request.pull->password, &request.pull->token})
      if (!credential->empty()) *credential = mask;
  }
  command.blobs.clear();
  return command;
}

std::string objects_of(const std::string& answer, const std::string& runner) {
  try {
    return base::parse_json(answer, {.bytes_max = plan_bytes_max}).get<jr::Plan>().objects;
  } catch (const std::exception& e) {
    throw Error(Code::unavailable,
                "job runner '" + runner + "' answered 'plan' with something that is not what the interface says: " + e.what());
  }
}

/// Two lists in one; either may be empty.
std::string joined(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return first.empty() ? second : first;
  auto all = nlohmann::json::parse(first);
  for (auto& one : nlohmann::json::parse(second)) all.push_back(std::move(one));
  return all.dump();
}

/// The runner's credentials were refused, not the caller's.
Error as_ours(const Error& e) {
  return e.code() == Code::permission_denied || e.code() == Code::unauthenticated ? Error(Code::unavailable, e.what()) : e;
}

}  // namespace

JobPort port_of(jobs::Jobs& all) {
  return {[&all](std::string_view id) { return all.get(id); }, [&all](jobs::StartCommand command) { return all.start(std::move(command)); },
          [&all] { return all.frozen(); }, [&all](jobs::StartCommand command) { return all.plan(std::move(command)); }};
}

RunFlow::RunFlow(plugin::Directory directory, targets::Targets& targets, JobPort jobs, FlowSettings settings)
    : directory_(std::move(directory)),
      targets_(targets),
      jobs_(std::move(jobs)),
      settings_(std::move(settings)),
      own_registry_calls_(settings_.own_registry_calls_max) {}

jobs::Accepted RunFlow::start(const RunRequest& r, const Who& who) {
  const std::string job_id = job_id_of(r);
  const log::Scope scope(who.request_id, job_id);
  if (auto before = repeated(r, job_id)) return *before;

  auto [start, secrets] = check(r, who, job_id, Asks::a_request);
  try {
    auto accepted = record_and_start(std::move(start));
    remember(job_id, std::move(secrets));
    return accepted;
  } catch (const Error&) {
    remember(job_id, std::move(secrets));  // there may be a record all the same, with words of its runner
    throw;
  }
}

jobs::StartCommand RunFlow::prepare(const RunRequest& r, const Who& who, const std::string& job_id) {
  auto prepared = check(r, who, job_id, Asks::a_record);
  remember(job_id, std::move(prepared.secrets));
  return std::move(prepared.start);
}

/// The same key means the same run on every host of one installation.
std::string RunFlow::job_id_of(const RunRequest& r) const {
  return r.idempotency_key.empty() ? base::uuid_v4() : base::uuid_v5(settings_.name_space, r.idempotency_key);
}

RunPlan RunFlow::plan(const RunRequest& r, const Who& who) const {
  const std::string job_id = job_id_of(r);
  const log::Scope scope(who.request_id, job_id);
  RunPlan plan;
  if (auto before = repeated(r, job_id)) {
    plan.repeats = true;
    plan.start.job = std::move(before->job);
    return plan;
  }
  if (const auto freeze = jobs_.frozen(); freeze.frozen) throw jobs::frozen_error(freeze);
  auto prepared = check(r, who, job_id, Asks::a_request);  // its secrets stay known to the scrubber until the answer is made
  auto planned = jobs_.plan(std::move(prepared.start));
  plan.objects = std::move(planned.records);
  plan.start = masked(std::move(planned.command));
  const auto runner = directory_.find(plan.start.job.runner);
  if (!runner || !runner->find(jr::id, jr::verb::plan)) return plan;
  plan.objects = joined(plan.objects, objects_of(ask_runner(jr::verb::plan, *runner, plan.start, who), runner->name()));
  return plan;
}

RunFlow::Prepared RunFlow::check(const RunRequest& r, const Who& who, const std::string& job_id, Asks asks) const {
  const auto runner = choose(directory_, runner_kind, r.runner, settings_.defaults.runner);
  require_accepts(directory_, *runner, r.scenario_image);
  require_allowed(settings_.images, r);
  if (r.own_registry) require_allowed(settings_.images, *r.own_registry);
  const ScenarioFacts facts = facts_of(r, who, asks);

  jobs::StartCommand start = command(r, who, job_id, facts, runner->name());
  auto secrets = secrets_of(r, start.request);
  const auto target = targets_.access({r.target_id, r.cluster_name, r.provider});
  start.job.provider = target.provider;
  start.request.target = {r.target_id, target.provider, target.cluster_name, target.cluster_api_url, target.kubeconfig};
  ask_runner(jr::verb::validate, *runner, start, who);  // refuses what its `start` would refuse, before anything is recorded
  return {std::move(start), std::move(secrets)};
}

/// A run on record is the job table's work, which waits on threads of its own.
ScenarioFacts RunFlow::facts_of(const RunRequest& r, const Who& who, Asks asks) const {
  std::optional<OwnRegistryCalls::Call> call;
  if (r.own_registry && asks == Asks::a_request) call.emplace(own_registry_calls_);
  return find_scenario({directory_, settings_.defaults, settings_.validation, settings_.registry_ms_max, who.request_id}, r);
}

/// The run has been accepted: nothing here may fail it.
void RunFlow::remember(const std::string& job_id, std::vector<base::KnownSecret> secrets) {
  secrets_.prune([this](const std::string& id) {
    try {
      const auto job = jobs_.get(id);
      return !job || job->ended();
    } catch (const Error&) {
      return false;  // not known now
    }
  });
  secrets_.keep(job_id, std::move(secrets));
}

jobs::Accepted RunFlow::record_and_start(jobs::StartCommand command) const {
  try {
    return jobs_.start(std::move(command));
  } catch (const Error& e) {
    throw as_ours(e);
  }
}

/// A repeated request is answered from its record, whatever became of target and scenario since.
std::optional<jobs::Accepted> RunFlow::repeated(const RunRequest& r, const std::string& job_id) const {
  if (r.idempotency_key.empty()) return std::nullopt;
  auto job = jobs_.get(job_id);
  if (!job) return std::nullopt;
  if (job->digest != r.digest)
    throw Error(Code::failed_precondition,
                "idempotencyKey was used before with another body (job " + job_id + "): use a new key for a new run")
        .with_field("idempotencyKey");
  return jobs::Accepted{std::move(*job), true};
}

jobs::StartCommand RunFlow::command(const RunRequest& r, const Who& who, const std::string& job_id, const ScenarioFacts& facts,
                                    const std::string& runner) const {
  auto values = check_values(facts, r);
  jobs::StartCommand c;
  c.job.id = job_id;
  c.job.target_id = r.target_id;
  c.job.cluster_name = r.cluster_name;
  c.job.scenario_name = r.scenario_name;
  c.job.scenario_image = image_to_run(settings_.images, r, facts);
  c.job.runner = runner;
  c.job.registry = facts.registry;
  c.job.user = who.user;
  c.job.digest = r.digest;
  c.job.validated = facts.known;
  if (!facts.known) c.job.message = "values were not checked: " + facts.why_unknown;
  if (const auto why = why_not_pinned(settings_.images, r, facts); !why.empty())
    c.job.message += (c.job.message.empty() ? "" : "; ") + ("the image runs by its tag (scenarios.pin_digests): " + why);
  c.job.timeout_seconds = r.timeout_seconds;

  c.request.job_id = job_id;
  c.request.object_name = c.job.pod_name();
  c.request.scenario_name = r.scenario_name;
  c.request.scenario_image = c.job.scenario_image;
  c.request.scenario_run = facts.run;
  c.request.declared_variables = declared_variables(facts);
  c.request.variables_known = facts.known;
  c.request.secret_variables = secret_variables(r, facts, values);
  c.request.environment = std::move(values.environment);
  c.request.kubeconfig_path = r.kubeconfig_path;
  c.request.pull = pull_credentials(r);
  c.request.timeout_seconds = r.timeout_seconds;
  add_files(r, c);
  return c;
}

/// Empty when the runner does not offer the verb.
std::string RunFlow::ask_runner(const char* verb_name, plugin::Instance& runner, const jobs::StartCommand& command, const Who& who) const {
  const auto verb = runner.find(jr::id, verb_name);
  if (!verb) return {};
  plugin::CallContext context;
  context.timeout = settings_.validate_ms_max;
  context.request_id = who.request_id;
  context.job_id = command.job.id;
  context.user = who.user;
  context.blobs = std::make_shared<const plugin::Blobs>(command.blobs);
  try {
    return runner.call(verb, nlohmann::json(command.request).dump(), context);
  } catch (const Error& e) {
    throw as_ours(e);
  }
}

}  // namespace operon::control
