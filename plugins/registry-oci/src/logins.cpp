#include "logins.hpp"

#include <nlohmann/json.hpp>

#include "auth_file.hpp"
#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "operon/scenario_image/reports.hpp"
#include "operon/sdk/kubernetes.hpp"

namespace registry_oci {

using operon::Code;
using operon::Error;
using operon::sdk::Call;
using operon::sdk::Kubernetes;

namespace {

constexpr const char* secret_key = ".dockerconfigjson";

/// Whether the Secret may still be what it was, as far as anybody knows.
bool nobody_knows(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::resource_exhausted;
}

const std::string* text_at(const nlohmann::json& object, const char* member, const char* inner) {
  const auto outside = object.find(member);
  if (outside == object.end()) return nullptr;
  const auto inside = outside->find(inner);
  return inside == outside->end() ? nullptr : inside->get_ptr<const std::string*>();
}

std::string read_secret(const operon::sdk::Host& host, const Call& call, const std::string& name) {
  const std::string space = Kubernetes(host).info(call).name_space;
  const auto answer = Kubernetes(host).request(
      call, {.path = "/api/v1/namespaces/" + space + "/secrets/" + name, .timeout = std::chrono::milliseconds(Logins::secret_wait_max)});
  if (answer.status == 404)
    throw Error(Code::not_found, "Secret " + name + " (authSecret) is not there: make it in namespace " + space +
                                     ", of type kubernetes.io/dockerconfigjson");
  const auto secret = answer.json();
  const auto* packed = text_at(secret, "data", secret_key);
  if (packed == nullptr)
    throw Error(Code::invalid_argument,
                "Secret " + name + " (authSecret) has no key " + secret_key + " and must be of type kubernetes.io/dockerconfigjson");
  auto text = operon::base64_decode(*packed);
  if (!text) throw Error(Code::invalid_argument, "Secret " + name + " (authSecret): its key " + secret_key + " is not base64");
  return std::move(*text);
}

}  // namespace

Logins::Logins(operon::sdk::Host host, std::string file, std::string secret, const Address& address)
    : host_(std::move(host)), file_(std::move(file)), secret_(std::move(secret)) {
  if (!file_.empty() && !secret_.empty())
    throw Error(Code::invalid_argument, "both authFile and authSecret are given, and only one of them can be the source of the login")
        .with_field("authSecret");
  // The Secret is not looked at: the host starts without its cluster, too.
  if (!file_.empty()) credentials_of(operon::scenario_image::read_small_file(file_), address);
}

std::string Logins::text_of_secret(const Call& call) {
  {
    std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() < until_) return text_;
  }
  std::string text;
  try {
    text = read_secret(host_, call, secret_);
  } catch (const Error& e) {
    std::lock_guard lock(mutex_);
    if (text_.empty() || !nobody_knows(e.code())) throw;
    host_.warn("a registry's login could not be read again; it stays as it was", {{"secret", secret_}, {"reason", e.what()}});
    text = text_;
  }
  std::lock_guard lock(mutex_);
  text_ = text;
  until_ = std::chrono::steady_clock::now() + secret_lasts;
  return text;
}

Credentials Logins::of(const Call& call, const Address& address) {
  if (file_.empty() && secret_.empty()) return {};
  try {
    return credentials_of(secret_.empty() ? operon::scenario_image::read_small_file(file_) : text_of_secret(call), address);
  } catch (const Error& e) {  // it may have changed since it was accepted: that is no fault of who asks
    throw Error(Code::unavailable, std::string("the login for this registry cannot be read: ") + e.what());
  }
}

}  // namespace registry_oci
