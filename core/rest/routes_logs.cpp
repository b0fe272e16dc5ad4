#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "core/rest/log_stream.hpp"
#include "core/rest/parameters.hpp"
#include "core/rest/routes.hpp"

namespace operon::rest {

namespace {

jobs::LogOptions options_of(const http::Request& request) {
  jobs::LogOptions options;
  options.follow = query_bool(request, "follow", false);
  options.timestamps = query_bool(request, "timestamps", false);
  options.tail_lines = query_number(request, "tailLines", 0, UINT64_MAX);
  return options;
}

http::Response text_stream(std::unique_ptr<http::StreamSource> stream) {
  http::Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}};
  response.stream = std::move(stream);
  response.websocket = true;
  return response;
}

http::Response logs(Services& s, const http::Request& request) {
  const std::string& id = path_parameter(request, "jobId");
  try {
    auto options = options_of(request);
    const auto job = s.jobs.get(id);
    if (!job) throw Error(Code::not_found, "Job with ID '" + base::printable(id) + "' not found");
    options.ended = kinds::job_runner::terminal(job->phase);
    s.jobs.prepare_log(*job);
    return text_stream(
        std::make_unique<LogStream>([&](std::function<void()> waker) { return s.logs.open(id, options, std::move(waker)); }));
  } catch (const Error& e) {
    // A browser cannot read the answer to a refused handshake, so over a WebSocket the reason is a frame.
    if (!request.wants_websocket) throw;
    return text_stream(std::make_unique<TextStream>("ERROR: " + base::scrub(e.what()) + "\n"));
  }
}

}  // namespace

std::vector<http::Route> log_routes(Services& services) {
  std::vector<http::Route> routes(1);
  routes[0].pattern = "/scenarios/run/{jobId}/logs";
  routes[0].interface_id = kinds::job_runner::id;
  routes[0].handler = [&services](const http::Request& r) { return logs(services, r); };
  return routes;
}

}  // namespace operon::rest
