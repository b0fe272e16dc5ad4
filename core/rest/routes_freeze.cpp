#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/rest/answer.hpp"
#include "core/rest/audit.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"
#include "operon/members.hpp"

namespace operon::rest {

using nlohmann::json;

namespace {

constexpr size_t reason_characters_max = 1024;

size_t characters(const std::string& utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

json state_of(const jobs::Freeze& f) {
  json state = {{"frozen", f.frozen}};
  if (f.frozen) {
    state["reason"] = f.reason;
    state["user"] = f.user;
    state["since"] = base::rfc3339(f.since_unix_ms);
  }
  return state;
}

struct FreezeOrder {
  std::string reason;
  bool stop_all = false;
};

FreezeOrder order_of(const http::Request& request) {
  only_query_keys(request, {"stopAll"});
  const json body = optional_object(request);
  std::optional<std::string> reason;
  std::optional<bool> stop_all;
  members::read(body, "reason", reason);
  members::read(body, "stopAll", stop_all);
  FreezeOrder order{reason.value_or(""), query_bool(request, "stopAll", stop_all.value_or(false))};
  if (characters(order.reason) > reason_characters_max)
    throw Error(Code::failed_precondition, "reason is longer than reason_characters_max (" + std::to_string(reason_characters_max) + ")")
        .with_field("reason");
  if (order.reason.empty()) order.reason = "frozen by " + request.caller.name;
  return order;
}

size_t count(const Services& s, jobs::Phase phase) {
  jobs::JobFilter filter;
  filter.phase = phase;
  return json::parse(s.jobs.list(filter, 0, {}).jobs_json).size();
}

http::Response freeze(Services& s, const http::Request& request, Audit& audit) {
  const auto order = order_of(request);
  audit.detail = order.stop_all ? "freeze and stop all" : "freeze";
  s.jobs.freeze(order.reason, request.caller.name);
  json answer = state_of(s.jobs.frozen());
  if (order.stop_all) {
    const size_t running = count(s, jobs::Phase::pending) + count(s, jobs::Phase::running);
    const auto began = s.clock.steady();
    auto not_confirmed = s.jobs.stop_all(s.settings.stop_all_ms_max);
    answer["lastStopMs"] = std::chrono::duration_cast<std::chrono::milliseconds>(s.clock.steady() - began).count();
    answer["stopped"] = running - std::min(running, not_confirmed.size());
    answer["notConfirmed"] = std::move(not_confirmed);
  }
  return json_answer(200, answer);
}

http::Response unfreeze(Services& s, const http::Request& request, Audit& audit) {
  only_query_keys(request, {});
  audit.detail = "unfreeze";
  s.jobs.unfreeze(request.caller.name);
  return json_answer(200, state_of(s.jobs.frozen()));
}

}  // namespace

std::vector<http::Route> freeze_routes(Services& services) {
  std::vector<http::Route> routes(3);
  routes[0].pattern = "/operon/v1/freeze";
  routes[0].handler = [&services](const http::Request& request) {
    only_query_keys(request, {});
    return json_answer(200, state_of(services.jobs.frozen()));
  };

  // Whoever may start runs may also pull the brake; letting it go takes more.
  routes[1].method = http::Method::post;
  routes[1].pattern = "/operon/v1/freeze";
  routes[1].role = http::Role::run;
  routes[1].handler = audited([&services](const http::Request& r, Audit& a) { return freeze(services, r, a); });

  routes[2].method = http::Method::post;
  routes[2].pattern = "/operon/v1/unfreeze";
  routes[2].role = http::Role::admin;
  routes[2].ignores_body = true;
  routes[2].handler = audited([&services](const http::Request& r, Audit& a) { return unfreeze(services, r, a); });
  return routes;
}

}  // namespace operon::rest
