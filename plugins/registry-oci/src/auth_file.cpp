#include "auth_file.hpp"

#include <nlohmann/json.hpp>

#include "operon/base64.hpp"
#include "operon/error.hpp"

namespace registry_oci {

using nlohmann::json;
using operon::Code;
using operon::Error;

namespace {

std::string text_at(const json& entry, const char* member) {
  const auto found = entry.find(member);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// docker keeps the login for Docker Hub under the name of its old index.
std::string with_one_hub(std::string name) {
  for (const std::string_view hub : {"index.docker.io", "registry-1.docker.io"}) {
    if (name.starts_with(hub) && (name.size() == hub.size() || name[hub.size()] == '/')) return "docker.io" + name.substr(hub.size());
  }
  return name;
}

/// "https://old.example/v1/" -> "old.example"
std::string key_of(std::string name) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (name.starts_with(scheme)) name.erase(0, scheme.size());
  }
  for (const std::string_view end : {"/v1/", "/v2/", "/v1", "/v2", "/"}) {
    if (name.size() > end.size() && name.ends_with(end)) {
      name.resize(name.size() - end.size());
      break;
    }
  }
  return with_one_hub(std::move(name));
}

Credentials login_of(const json& entry, const std::string& name) {
  Credentials login{text_at(entry, "username"), text_at(entry, "password"), text_at(entry, "registrytoken"),
                    text_at(entry, "identitytoken")};
  if (const auto packed = text_at(entry, "auth"); !packed.empty()) {
    const auto both = operon::base64_decode(packed);
    const auto colon = both ? both->find(':') : std::string::npos;
    if (colon == std::string::npos) throw Error(Code::invalid_argument, "auths: the auth of " + name + " is not base64 of user:password");
    login.username = both->substr(0, colon);
    login.password = both->substr(colon + 1);
  }
  return login;
}

/// Of the host whose login is wanted; null = it is in the file, or nowhere.
const char* helper_of(const json& file, const std::string& host) {
  if (const auto helpers = file.find("credHelpers"); helpers != file.end() && helpers->is_object()) {
    for (const auto& [name, helper] : helpers->items()) {
      if (key_of(name) == host && helper.is_string() && !helper.get_ref<const std::string&>().empty()) return "credHelpers";
    }
  }
  return text_at(file, "credsStore").empty() ? nullptr : "credsStore";
}

/// A helper is a program, and a file does not make us run one. To go on as nobody would look like a wrong password, or worse, work.
void refuse_helper(const json& file, const Address& address) {
  const char* helper = helper_of(file, with_one_hub(address.registry));
  if (helper == nullptr) return;
  throw Error(Code::invalid_argument,
              "the login for " + address.registry + " is left to a credential helper (" + helper +
                  "), which is a program and is not run from here: put the login into the file itself (auths), as " +
                  "'docker login' does without a helper and 'kubectl create secret docker-registry' always, or " + "remove " + helper +
                  " to ask anonymously");
}

}  // namespace

Credentials credentials_of(std::string_view auth_file, const Address& address) {
  const json file = json::parse(auth_file, nullptr, false);
  if (!file.is_object()) throw Error(Code::invalid_argument, "the file of logins is no JSON object");
  const auto auths = file.find("auths");
  if (auths == file.end()) refuse_helper(file, address);
  if (auths == file.end() || !auths->is_object()) throw Error(Code::invalid_argument, "the file of logins has no object 'auths'");
  const std::string wanted = with_one_hub(address.name());
  std::string best;
  Credentials login;
  for (const auto& [name, entry] : auths->items()) {
    const std::string key = key_of(name);
    const bool matches = wanted.starts_with(key) && (wanted.size() == key.size() || wanted[key.size()] == '/');
    if (!matches || !entry.is_object() || key.size() <= best.size()) continue;
    best = key;
    login = login_of(entry, name);
  }
  if (!login.known()) refuse_helper(file, address);
  return login;
}

}  // namespace registry_oci
