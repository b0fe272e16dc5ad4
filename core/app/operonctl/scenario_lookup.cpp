#include "core/app/operonctl/scenario_lookup.hpp"

#include <nlohmann/json.hpp>

#include "operon/error.hpp"

namespace operon::ctl {

using nlohmann::json;

namespace {

/// The base image's part; none is an empty list.
json private_globals(Client& client, const json& body, const std::string& name) {
  try {
    return client.json("POST", "/scenarios/globals/" + escape(name), &body).at("fields");
  } catch (const Error& e) {
    if (e.code() != Code::not_found) throw;
    return json::array();
  }
}

}  // namespace

json scenario_detail(Client& client, const RegistryChoice& choice, const json& body, const std::string& name) {
  if (choice.is_private()) {
    json detail = client.json("POST", "/scenarios/detail/" + escape(name), &body);
    detail["reference"] = image_repository(choice) + ":" + name;
    detail["globals"] = private_globals(client, body, name);
    return detail;
  }
  return client.json("GET",
                     "/operon/v1/scenarios/" + escape(name) + (choice.instance.empty() ? "" : "?registry=" + escape(choice.instance)));
}

Scenario look_up(Client& client, const RegistryChoice& choice, const json& body, const std::string& word) {
  Scenario found;
  if (word.find('/') != std::string::npos && word.rfind("dir://", 0) != 0) {
    const std::string repository = word.substr(word.rfind('/') + 1);
    found.name = repository.substr(0, repository.find_first_of(":@"));
    found.reference = word;
    return found;
  }
  const json detail = scenario_detail(client, choice, body, word.rfind("dir://", 0) == 0 ? word.substr(6) : word);
  found.name = detail.at("name");
  found.reference = detail.at("reference");
  found.registry = detail.value("registry", "");
  found.digest = detail.value("digest", "");
  found.fields = detail.at("fields").get<std::vector<fields::Field>>();
  found.known = true;
  return found;
}

}  // namespace operon::ctl
