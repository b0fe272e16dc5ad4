#include "core/kube/resource.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace operon::kube {
namespace {

/// What the API takes as one step of a path: it refuses these anyway, but only after the path has been cleaned into another one.
void check_step(std::string_view kind, std::string_view step) {
  const auto plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == ':';
  };
  if (step.empty() || step.size() > 253 || step == "." || step == ".." || !std::all_of(step.begin(), step.end(), plain)) {
    throw Error(Code::invalid_argument, "\"" + base::printable(step, 80) + "\" cannot be the " + std::string(kind) + " of an object");
  }
}

void add_selectors(Query& query, const std::string& labels, const std::string& fields) {
  if (!labels.empty()) query.emplace_back("labelSelector", labels);
  if (!fields.empty()) query.emplace_back("fieldSelector", fields);
}

}  // namespace

std::string Resource::path(std::string_view name_space, std::string_view name, std::string_view subresource) const {
  std::string path = group.empty() ? "/api/" + version : "/apis/" + group + "/" + version;
  if (!name_space.empty()) {
    if (!namespaced) throw Error(Code::invalid_argument, plural + " have no namespace");
    check_step("namespace", name_space);
    path += "/namespaces/";
    path += name_space;
  } else if (namespaced && !name.empty()) {
    throw Error(Code::invalid_argument, plural + " \"" + base::printable(name, 80) + "\": the namespace is missing");
  }
  path += "/" + plural;
  if (!name.empty()) {
    check_step("name", name);
    path += "/";
    path += name;
  }
  if (!subresource.empty()) {
    check_step("subresource", subresource);
    path += "/";
    path += subresource;
  }
  return path;
}

Request list_request(const Resource& resource, const ListOptions& options) {
  Request request;
  request.path = resource.path(options.name_space);
  add_selectors(request.query, options.label_selector, options.field_selector);
  if (options.limit != 0) request.query.emplace_back("limit", std::to_string(options.limit));
  if (!options.continue_token.empty()) {
    request.query.emplace_back("continue", options.continue_token);
  } else if (!options.resource_version.empty()) {
    request.query.emplace_back("resourceVersion", options.resource_version);
  }
  return request;
}

Request watch_request(const Resource& resource, const WatchOptions& options) {
  Request request;
  request.path = resource.path(options.name_space);
  add_selectors(request.query, options.label_selector, options.field_selector);
  request.query.emplace_back("watch", "true");
  request.query.emplace_back("allowWatchBookmarks", "true");
  if (options.initial_events) {
    request.query.emplace_back("sendInitialEvents", "true");
    request.query.emplace_back("resourceVersionMatch", "NotOlderThan");
  }
  if (!options.resource_version.empty()) request.query.emplace_back("resourceVersion", options.resource_version);
  if (options.server_timeout.count() > 0) {
    request.query.emplace_back("timeoutSeconds", std::to_string(options.server_timeout.count()));
  }
  return request;
}

}  // namespace operon::kube
