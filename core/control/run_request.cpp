#include "core/control/run_request.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/control/run_rules.hpp"
#include "operon/error.hpp"
#include "operon/members.hpp"

namespace operon::control {

using nlohmann::json;
namespace sr = kinds::scenario_registry;

namespace {

std::string required_text(const json& body, const char* member) {
  std::string text = optional_text(body, member);
  if (text.empty()) throw Error(Code::invalid_argument, std::string(member) + " is required").with_field(member);
  return text;
}

template <typename T>
T optional_value(const json& body, const char* member, T fallback) {
  std::optional<T> value;
  members::read(body, member, value);
  return value.value_or(std::move(fallback));
}

/// Takes the content out of the document and leaves its hash there: the digest needs no second copy of 32 MiB.
RunFile parse_file(json& file, const std::string& where) {
  if (!file.is_object()) throw Error(Code::invalid_argument, where + " must be an object").with_field(where);
  for (const char* member : {"name", "content", "mountPath"}) {
    const auto it = file.find(member);
    if (it == file.end() || it->is_null())
      throw Error(Code::invalid_argument, where + "." + member + " is required").with_field(where + "." + member);
    if (!it->is_string()) throw Error(Code::invalid_argument, where + "." + member + " must be a string").with_field(where + "." + member);
  }
  RunFile result;
  result.name = file["name"].get<std::string>();
  result.mount_path = file["mountPath"].get<std::string>();
  if (result.name.empty()) throw Error(Code::invalid_argument, where + ".name is required").with_field(where + ".name");
  if (result.mount_path.empty()) throw Error(Code::invalid_argument, where + ".mountPath is required").with_field(where + ".mountPath");
  auto content = base::base64_decode(file["content"].get_ref<const std::string&>());
  if (!content) throw Error(Code::invalid_argument, where + ".content is not base64").with_field(where + ".content");
  file["content"] = base::sha256_hex(*content);
  result.content = std::make_shared<const std::string>(std::move(*content));
  return result;
}

std::vector<RunFile> parse_files(json& body, const RunLimits& limits) {
  const auto it = body.find("files");
  if (it == body.end() || it->is_null()) return {};
  if (!it->is_array()) throw Error(Code::invalid_argument, "files must be an array").with_field("files");
  if (it->size() > limits.files_max)
    throw Error(Code::failed_precondition,
                "files holds " + std::to_string(it->size()) + " entries; files_max is " + std::to_string(limits.files_max))
        .with_field("files");
  std::vector<RunFile> files;
  for (size_t i = 0; i < it->size(); ++i) files.push_back(parse_file((*it)[i], "files[" + std::to_string(i) + "]"));
  return files;
}

std::string idempotency_key(const json& body, std::string_view header, const RunLimits& limits) {
  std::string key = optional_text(body, "idempotencyKey");
  if (!header.empty() && !key.empty() && header != key)
    throw Error(Code::invalid_argument, "idempotencyKey in the body and the header Idempotency-Key differ").with_field("idempotencyKey");
  if (key.empty()) key = header;
  if (key.size() > limits.idempotency_key_bytes_max || !base::is_utf8(key))
    throw Error(Code::failed_precondition,
                "idempotencyKey must be UTF-8 text of at most " + std::to_string(limits.idempotency_key_bytes_max) + " bytes")
        .with_field("idempotencyKey");
  return key;
}

std::string digest_of(json body) {
  for (const char* credential : {"username", "password", "token", "idempotencyKey"}) body.erase(credential);
  return base::sha256_hex(body.dump());  // keys are sorted, so the same content has the same text
}

}  // namespace

std::string optional_text(const json& body, const char* member) {
  const auto it = body.find(member);
  if (it == body.end() || it->is_null()) return {};
  if (!it->is_string()) throw Error(Code::invalid_argument, std::string(member) + " must be a string").with_field(member);
  return it->get<std::string>();
}

std::optional<sr::AdhocRegistry> parse_own_registry(const json& body) {
  sr::AdhocRegistry registry;
  registry.registry_url = optional_text(body, "registryUrl");
  registry.repository = optional_text(body, "scenarioRepository");
  registry.username = optional_text(body, "username");
  registry.password = optional_text(body, "password");
  registry.token = optional_text(body, "token");
  registry.skip_tls = optional_value(body, "skipTls", false);
  registry.insecure = optional_value(body, "insecure", false);
  if (registry.registry_url.empty() && registry.repository.empty()) return std::nullopt;
  if (registry.registry_url.empty() || registry.repository.empty())
    throw Error(Code::invalid_argument, "Both registryUrl and scenarioRepository are required for private registry")
        .with_field(registry.registry_url.empty() ? "registryUrl" : "scenarioRepository");
  check_own_registry(registry);
  return registry;
}

/// JSON knows one kind of number: 60.0 is an integer, as JSON Schema has it.
static void make_whole(json& body, const char* member) {
  constexpr double exact_max = 9007199254740992;  // 2^53
  const auto found = body.find(member);
  if (found == body.end() || !found->is_number_float()) return;
  const double value = found->get<double>();
  if (std::trunc(value) == value && std::abs(value) <= exact_max) *found = static_cast<int64_t>(value);
}

RunRequest parse_run_request(std::string_view text, std::string_view idempotency_header, const RunLimits& limits) {
  base::JsonLimits json_limits;
  json_limits.bytes_max = limits.body_bytes_max;
  json_limits.wide_integers = true;
  json body = base::parse_json(text, json_limits);
  if (!body.is_object()) throw Error(Code::invalid_argument, "the body must be a JSON object");

  RunRequest r;
  r.target_id = required_text(body, "targetId");
  r.cluster_name = required_text(body, "clusterName");
  r.scenario_image = required_text(body, "scenarioImage");
  r.scenario_name = required_text(body, "scenarioName");
  if (auto path = optional_text(body, "kubeconfigPath"); !path.empty()) r.kubeconfig_path = std::move(path);
  r.environment = optional_value(body, "environment", r.environment);
  r.own_registry = parse_own_registry(body);
  r.provider = optional_text(body, "provider");
  r.registry = optional_text(body, "registry");
  r.runner = optional_text(body, "runner");
  r.scenario_digest = optional_text(body, "scenarioDigest");
  make_whole(body, "timeoutSeconds");
  r.timeout_seconds = optional_value<int64_t>(body, "timeoutSeconds", 0);
  if (body.contains("timeoutSeconds") && !body["timeoutSeconds"].is_null() &&
      (r.timeout_seconds < 1 || r.timeout_seconds > limits.timeout_seconds_max))
    throw Error(Code::failed_precondition, "timeoutSeconds must be between 1 and " + std::to_string(limits.timeout_seconds_max))
        .with_field("timeoutSeconds");
  r.idempotency_key = idempotency_key(body, idempotency_header, limits);
  r.files = parse_files(body, limits);
  r.digest = digest_of(std::move(body));
  check_rules(r, limits);
  return r;
}

}  // namespace operon::control
