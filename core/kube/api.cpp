#include "core/kube/api.hpp"

#include <nlohmann/json.hpp>

#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "core/kube/json.hpp"
#include "core/kube/status.hpp"

namespace operon::kube {
namespace {

using nlohmann::json;

constexpr const char* attempt_annotation = "operon.dev/create-attempt";

std::string words(const char* verb, const Resource& resource, const Name& name) {
  std::string text = std::string(verb) + " " + resource.plural;
  if (!name.subresource.empty()) text += "/" + name.subresource;
  text += name.name_space.empty() ? " " : " " + name.name_space + "/";
  return text + name.name;
}

std::string text_in(Result result, const std::string& what) {
  if (const auto* error = std::get_if<Error>(&result)) throw Error(*error);
  auto& response = std::get<Response>(result);
  if (response.status / 100 != 2) throw error_of(response, what);
  // A proxy's page, say: what was written is not known to be.
  if (!response.body.starts_with('{')) {
    throw Error(Code::data_loss, what + ": the answer is no JSON object: " + base::printable(response.body, 80));
  }
  return std::move(response.body);
}

Request object_request(const char* method, const Resource& resource, const Name& name, std::string body, std::string type) {
  Request request;
  request.method = method;
  request.path = resource.path(name.name_space, name.name, name.subresource);
  request.body = std::move(body);
  request.content_type = std::move(type);
  return request;
}

std::string text_at(const json& object, const char* pointer) {
  const json::json_pointer where(pointer);
  return object.contains(where) && object.at(where).is_string() ? object.at(where).get<std::string>() : std::string();
}

}  // namespace

std::string Api::text(Request request, Repeat repeat, const std::string& what) const {
  request.timeout = timeout_;
  return text_in(send(*client_, std::move(request), {.repeat = repeat}).result, what);
}

json Api::read(Request request, const std::string& what) const {
  return read_answer(what, text(std::move(request), Repeat::safe, what), ManagedFields::keep);
}

Answer Api::write(Request request, Repeat repeat, const std::string& what) const {
  return {text(std::move(request), repeat, what), what};
}

json Api::get(const Resource& resource, const Name& name) const {
  return read(object_request("GET", resource, name, "", ""), words("get", resource, name));
}

std::string Api::list(const Resource& resource, ListOptions options, const std::function<void(json&&)>& item,
                      const std::function<void()>& restart) const {
  const std::string what = words("list", resource, {options.name_space, ""});
  bool restarted = false;
  while (true) {
    json page;
    try {
      page = read(list_request(resource, options), what);
    } catch (const Error& e) {
      if (!is_expired(e) || options.continue_token.empty() || restarted) throw;
      // Anew, and in one piece: what was too slow once would be too slow again.
      if (restart) restart();
      restarted = true;
      options.continue_token.clear();
      options.limit = 0;
      continue;
    }
    if (page.contains("items") && page["items"].is_array()) {
      for (auto& one : page["items"]) item(std::move(one));
    }
    options.continue_token = text_at(page, "/metadata/continue");
    if (options.continue_token.empty()) return text_at(page, "/metadata/resourceVersion");
  }
}

Answer Api::create(const Resource& resource, const std::string& name_space, json object) const {
  const std::string attempt = base::uuid_v4();
  object["metadata"]["annotations"][attempt_annotation] = attempt;
  const std::string name = text_at(object, "/metadata/name");
  const std::string what = words("create", resource, {name_space, name});
  Request request;
  request.method = "POST";
  request.path = resource.path(name_space);
  request.body = object.dump();
  request.timeout = timeout_;
  // With a name of its own a repeated create meets the first one; a generated name would make a second object.
  auto outcome = send(*client_, std::move(request), {.repeat = name.empty() ? Repeat::unsafe : Repeat::safe});
  try {
    return {text_in(std::move(outcome.result), what), what};
  } catch (const Error& e) {
    if (!is_already_exists(e) || !outcome.maybe_done_before) throw;
    Answer there = write(object_request("GET", resource, {name_space, name}, "", ""), Repeat::safe, what);
    if (text_at(there.parse(), "/metadata/annotations/operon.dev~1create-attempt") != attempt) throw;
    return there;
  }
}

Answer Api::apply(const Resource& resource, const Name& name, const json& object, const ApplyOptions& options) const {
  auto request = object_request("PATCH", resource, name, object.dump(), "application/apply-patch+yaml");
  request.query.emplace_back("fieldManager", options.field_manager);
  if (options.force) request.query.emplace_back("force", "true");
  return write(std::move(request), Repeat::safe, words("apply", resource, name));
}

Answer Api::update(const Resource& resource, const Name& name, const json& object) const {
  const bool versioned = !text_at(object, "/metadata/resourceVersion").empty();
  return write(object_request("PUT", resource, name, object.dump(), ""), versioned ? Repeat::safe : Repeat::unsafe,
               words("update", resource, name));
}

Answer Api::patch(const Resource& resource, const Name& name, PatchType type, const json& patch) const {
  static constexpr const char* types[] = {"application/merge-patch+json", "application/json-patch+json",
                                          "application/strategic-merge-patch+json"};
  // A JSON patch may add to a list; a strategic one may, where a list has no keys. Only a merge patch says what is to be.
  const auto repeat = type == PatchType::merge ? Repeat::safe : Repeat::unsafe;
  return write(object_request("PATCH", resource, name, patch.dump(), types[static_cast<int>(type)]), repeat,
               words("patch", resource, name));
}

bool Api::remove(const Resource& resource, const Name& name, const DeleteOptions& options) const {
  static constexpr const char* propagations[] = {"Background", "Foreground", "Orphan"};
  json body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", propagations[static_cast<int>(options.propagation)]}};
  if (options.grace_seconds) body["gracePeriodSeconds"] = *options.grace_seconds;
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  const std::string what = words("delete", resource, name);
  auto request = object_request("DELETE", resource, name, body.dump(), "application/json");
  request.timeout = timeout_;
  // A name may be given to a new object between two attempts: only with a uid it is the same one.
  auto outcome = send(*client_, std::move(request), {.repeat = options.uid.empty() ? Repeat::unsafe : Repeat::safe});
  try {
    text_in(std::move(outcome.result), what);
    return true;
  } catch (const Error& e) {
    if (!is_not_found(e)) throw;
    return outcome.maybe_done_before;
  }
}

json Api::modify(const Resource& resource, const Name& name, const std::function<bool(json&)>& change, unsigned attempts_max) const {
  for (unsigned attempt = 1;; ++attempt) {
    json object = get(resource, name);
    if (!change(object)) return object;
    try {
      return update(resource, name, object).parse();
    } catch (const Error& e) {
      if (!is_conflict(e) || attempt >= attempts_max) throw;
    }
  }
}

}  // namespace operon::kube
