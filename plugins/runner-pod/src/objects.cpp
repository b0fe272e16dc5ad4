#include "objects.hpp"

#include <algorithm>
#include <string_view>

#include "checks.hpp"
#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "text.hpp"

namespace operon::runner_pod {

using kinds::job_runner::StartRequest;
using nlohmann::json;

namespace {

constexpr int64_t user_id = 1001;
constexpr size_t label_bytes_max = 63;
constexpr const char* kubeconfig_key = "config";
constexpr const char* annotation_prefix = "operon.dev/";

class Maker {
 public:
  Maker(const Configuration& configuration, const StartRequest& request)
      : configuration_(configuration), request_(request), name_(pod_name(request.job_id)) {}

  JobObjects make(const std::vector<std::string>& contents) {
    kubeconfig();
    files(contents);
    environment();
    pull_secret();
    return {std::move(first_), std::move(parts_), pod()};
  }

 private:
  json metadata(const std::string& name) const {
    json meta = {{"name", name}, {"labels", {{job_label, request_.job_id}}}};
    if (!request_.owner) return meta;
    const auto& owner = *request_.owner;
    meta["ownerReferences"] = json::array(
        {{{"apiVersion", owner.api_version}, {"kind", owner.kind}, {"name", owner.name}, {"uid", owner.uid}, {"controller", true}}});
    return meta;
  }

  void part(const char* resource, json body, const std::string& name) { add(parts_, resource, std::move(body), name); }

  void add(std::vector<Object>& to, const char* resource, json body, const std::string& name) {
    body["apiVersion"] = "v1";
    body["kind"] = std::string_view(resource) == "secrets" ? "Secret" : "ConfigMap";
    body["metadata"] = metadata(name);
    to.push_back({resource, std::move(body)});
  }

  void mount(const std::string& volume, json source, const std::string& path, const std::string& sub_path) {
    source["name"] = volume;
    volumes_.push_back(std::move(source));
    mounts_.push_back({{"name", volume}, {"mountPath", path}, {"subPath", sub_path}, {"readOnly", true}});
  }

  void kubeconfig() {
    const auto name = name_ + "-kubeconfig";
    const auto& text = *request_.target.kubeconfig;
    const bool secret = configuration_.kubeconfig_in_secret;
    if (secret) {
      part("secrets", {{"type", "Opaque"}, {"data", {{kubeconfig_key, base64_encode(text)}}}}, name);
    } else {
      part("configmaps", {{"data", {{kubeconfig_key, text}}}}, name);
    }
    mount("kubeconfig", secret ? json{{"secret", {{"secretName", name}}}} : json{{"configMap", {{"name", name}}}},
          request_.kubeconfig_path.empty() ? kubeconfig_path_default : request_.kubeconfig_path, kubeconfig_key);
  }

  void files(const std::vector<std::string>& contents) {
    std::set<std::string> taken;
    for (size_t i = 0; i < request_.files.size(); ++i) {
      const auto& file = request_.files[i];
      const auto name = file_object_name(file.name, i, taken);
      const auto key = data_key(file.name);
      if (is_utf8(contents[i])) {
        part("configmaps", {{"data", {{key, contents[i]}}}}, name);
      } else {
        part("configmaps", {{"binaryData", {{key, base64_encode(contents[i])}}}}, name);
      }
      mount("file-" + std::to_string(i), {{"configMap", {{"name", name}}}}, file.mount_path, key);
    }
  }

  /// The part after "-file-" is a DNS label; what two file names have made the same is told apart by a hash.
  std::string file_object_name(const std::string& file, size_t index, std::set<std::string>& taken) const {
    auto label = dns_label(file, label_bytes_max);
    for (size_t attempt = 0; !taken.insert(label).second; ++attempt) {
      const auto hash = short_hash(file + "/" + std::to_string(index) + "/" + std::to_string(attempt));
      label = dns_label(file, label_bytes_max - hash.size() - 1) + "-" + hash;
    }
    return name_ + "-file-" + label;
  }

  void environment() {
    const std::set<std::string> secret(request_.secret_variables.begin(), request_.secret_variables.end());
    json values = json::object();
    for (const auto& [name, value] : request_.environment) {  // a map: in sorted order
      if (secret.contains(name)) {
        values[name] = base64_encode(value);
        environment_.push_back({{"name", name}, {"valueFrom", {{"secretKeyRef", {{"name", name_ + "-env"}, {"key", name}}}}}});
      } else {
        environment_.push_back({{"name", name}, {"value", literal_value(value)}});
      }
    }
    if (!values.empty()) part("secrets", {{"type", "Opaque"}, {"data", std::move(values)}}, name_ + "-env");
  }

  void pull_secret() {
    if (!request_.pull) return;
    const auto& pull = *request_.pull;
    const bool credentials = !pull.username.empty() || !pull.password.empty() || !pull.token.empty();
    if (pull.registry_url.empty() || pull.repository.empty() || !credentials) return;
    const auto user = !pull.username.empty() ? pull.username : !pull.token.empty() ? std::string("<token>") : std::string();
    const auto& password = pull.token.empty() ? pull.password : pull.token;
    const json logins = {{"auths", {{pull.registry_url, {{"auth", base64_encode(user + ":" + password)}}}}}};
    pull_secret_ = name_ + "-registry";
    add(first_, "secrets", {{"type", "kubernetes.io/dockerconfigjson"}, {"data", {{".dockerconfigjson", base64_encode(logins.dump())}}}},
        pull_secret_);
  }

  json container() const {
    json capabilities = {{"drop", {"ALL"}}};
    if (!configuration_.capabilities.empty()) capabilities["add"] = configuration_.capabilities;
    json mounts = mounts_;
    mounts.push_back({{"name", "tmp"}, {"mountPath", "/tmp"}});
    json container = {{"name", container_name},
                      {"image", request_.scenario_image},
                      {"imagePullPolicy", configuration_.image_pull_policy},
                      {"resources", configuration_.resources},
                      {"securityContext", {{"allowPrivilegeEscalation", false}, {"capabilities", std::move(capabilities)}}},
                      {"volumeMounts", std::move(mounts)}};
    if (!environment_.empty()) container["env"] = environment_;
    return container;
  }

  Object pod() const {
    json meta = metadata(name_);
    auto& labels = meta["labels"];
    labels[app_label] = app_label_value;
    labels["krkn-scenario-name"] = label_value(request_.scenario_name);
    labels["krkn-target-id"] = label_value(request_.target.id);
    labels["krkn-cluster-name"] = label_value(request_.target.cluster_name);
    meta["annotations"] = {{std::string(annotation_prefix) + "scenario-name", request_.scenario_name},
                           {std::string(annotation_prefix) + "target-id", request_.target.id},
                           {std::string(annotation_prefix) + "cluster-name", request_.target.cluster_name}};
    json volumes = volumes_;
    volumes.push_back({{"name", "tmp"}, {"emptyDir", json::object()}});
    const auto deadline = request_.timeout_seconds > 0 ? request_.timeout_seconds : configuration_.active_deadline_seconds;
    json spec = {{"restartPolicy", "Never"},
                 {"serviceAccountName", configuration_.service_account},
                 {"automountServiceAccountToken", configuration_.automount_token},
                 {"activeDeadlineSeconds", deadline},
                 {"securityContext",
                  {{"runAsNonRoot", true},
                   {"runAsUser", user_id},
                   {"runAsGroup", user_id},
                   {"fsGroup", user_id},
                   {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
                 {"containers", json::array({container()})},
                 {"volumes", std::move(volumes)}};
    if (!pull_secret_.empty()) spec["imagePullSecrets"] = json::array({{{"name", pull_secret_}}});
    if (!configuration_.node_selector.empty()) spec["nodeSelector"] = configuration_.node_selector;
    if (!configuration_.tolerations.empty()) spec["tolerations"] = configuration_.tolerations;
    return {"pods", {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", std::move(meta)}, {"spec", std::move(spec)}}};
  }

  const Configuration& configuration_;
  const StartRequest& request_;
  const std::string name_;
  std::vector<Object> first_, parts_;
  json volumes_ = json::array(), mounts_ = json::array(), environment_ = json::array();
  std::string pull_secret_;
};

}  // namespace

std::string pod_name(const std::string& job_id) {
  return "krkn-job-" + job_id;
}

std::set<std::pair<std::string, std::string>> needed_parts(const json& pod) {
  std::set<std::pair<std::string, std::string>> needed;
  const auto prefix = pod.at("metadata").at("name").get<std::string>() + "-";
  const json references = pod.at("spec").flatten();  // {"/volumes/0/configMap/name": "krkn-job-1-kubeconfig", ...}
  for (const auto& [path, value] : references.items()) {
    const std::string_view place = path;
    if (!value.is_string() || !value.get_ref<const std::string&>().starts_with(prefix)) continue;
    if (place.ends_with("/configMap/name")) needed.emplace("configmaps", value);
    if (place.ends_with("/secret/secretName") || place.ends_with("/secretKeyRef/name") || place.starts_with("/imagePullSecrets/")) {
      needed.emplace("secrets", value);
    }
  }
  return needed;
}

JobObjects make_objects(const Configuration& configuration, const StartRequest& request, const std::vector<std::string>& contents) {
  auto objects = Maker(configuration, request).make(contents);
  const auto bytes = objects.pod.body.dump(-1, ' ', false, json::error_handler_t::replace).size();
  if (bytes > pod_bytes_max) {
    throw Error(Code::failed_precondition,
                "environment: with it the pod has " + std::to_string(bytes) + " bytes; it may have " + std::to_string(pod_bytes_max))
        .with_field("environment");
  }
  return objects;
}

json shown_objects(const JobObjects& objects) {
  json shown = json::array();
  for (const auto* list : {&objects.first, &objects.parts}) {
    for (const auto& object : *list) {
      json body = object.body;
      if (object.resource == "secrets") {
        for (const auto& [key, value] : body["data"].items())
          body["stringData"][key] = base64_decode(value.get<std::string>()).value_or("");
        body.erase("data");
      }
      shown.push_back(std::move(body));
    }
  }
  shown.push_back(objects.pod.body);
  return shown;
}

}  // namespace operon::runner_pod
