#include <nlohmann/json.hpp>

#include "core/rest/answer.hpp"
#include "core/rest/audit.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

http::Response create(Services& s, Audit& audit) {
  const std::string id = s.targets.create();
  audit.detail = "target request " + id;
  auto response = json_answer(202, {{"uuid", id}});
  if (s.settings.interim_status) response.interim_status = 102;
  return response;
}

http::Response state(Services& s, const http::Request& request) {
  const std::string& id = path_parameter(request, "uuid");
  const auto found = s.targets.find(id);
  if (!found) throw targets::request_not_found(id);
  http::Response response;
  response.status = found->status == targets::RequestStatus::completed ? 200 : 202;
  response.content_type.clear();
  if (response.status == 202 && s.settings.interim_status) response.interim_status = 100;
  return response;
}

}  // namespace

std::vector<http::Route> target_routes(Services& services) {
  std::vector<http::Route> routes(2);
  routes[0].method = http::Method::post;
  routes[0].pattern = "/targets";
  routes[0].interface_id = kinds::target_provider::id;
  routes[0].ignores_body = true;
  routes[0].handler = audited([&services](const http::Request&, Audit& audit) { return create(services, audit); });

  routes[1].pattern = "/targets/{uuid}";
  routes[1].handler = [&services](const http::Request& request) { return state(services, request); };
  return routes;
}

}  // namespace operon::rest
