#include <charconv>

#include "core/base/text.hpp"
#include "core/rest/event_stream.hpp"
#include "core/rest/heartbeat.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

std::optional<uint64_t> last_event_id(const http::Request& request) {
  const auto text = request.header ? request.header("Last-Event-ID") : std::nullopt;
  if (!text || text->empty()) return std::nullopt;
  uint64_t id = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), id);
  if (ec != std::errc{} || end != text->data() + text->size())
    throw Error(Code::invalid_argument, "Last-Event-ID must be the id of an event of this stream, not '" + base::printable(*text, 80) + "'")
        .with_field("Last-Event-ID");
  return id;
}

}  // namespace

std::vector<http::Route> event_routes(Services& services) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/operon/v1/jobs/events";
  routes[0].handler = [&services, heartbeat = std::make_shared<Heartbeat>(services.settings.heartbeat)](const http::Request& request) {
    only_query_keys(request, {});
    EventStreamOptions options;
    options.after = last_event_id(request);
    options.heartbeat = services.settings.heartbeat;
    options.events_at_once_max = services.settings.events_at_once_max;
    auto stream = std::make_unique<EventStream>(services.jobs, services.clock, options);
    heartbeat->add(stream->signal());
    http::Response response;
    response.content_type = "text/event-stream";
    response.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
    response.stream = std::move(stream);
    return response;
  };
  return routes;
}

}  // namespace operon::rest
