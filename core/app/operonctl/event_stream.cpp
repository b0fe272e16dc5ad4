#include "core/app/operonctl/event_stream.hpp"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/app/operonctl/client.hpp"
#include "core/base/json.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

using namespace std::chrono_literals;
constexpr size_t line_bytes_max = 1u << 20;
constexpr int attempts_max = 8;  // 0.25, 0.5 ... 8 s: about half a minute

}  // namespace

bool EventParser::feed(std::string_view bytes, const std::function<bool(const Event&)>& take) {
  for (const char c : bytes) {
    if (c == '\r') continue;
    if (c != '\n') {
      if (line_.size() < line_bytes_max) line_ += c;
      continue;
    }
    std::string line = std::exchange(line_, {});
    if (line.empty()) {
      Event event = std::exchange(event_, {});
      if (!event.data.empty() && !take(event)) return false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == 0) continue;  // a comment: the server's heartbeat
    const std::string key = line.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.erase(0, 1);
    if (key == "id") event_.id = value;
    if (key == "event") event_.name = value;
    if (key == "data") event_.data += (event_.data.empty() ? "" : "\n") + value;
  }
  return true;
}

void follow_job_events(Client& client, const std::function<bool(const nlohmann::json& job)>& take,
                       const std::function<bool()>& look_again) {
  std::string last_id;
  bool left = false;
  int attempts = 0;
  while (!left) {
    EventParser parser;
    Headers headers = {{"Accept", "text/event-stream"}};
    if (!last_id.empty()) headers.emplace_back("Last-Event-ID", last_id);
    try {
      client.stream(
          "/operon/v1/jobs/events",
          [&](std::string_view bytes) {
            attempts = 0;
            return parser.feed(bytes, [&](const EventParser::Event& event) {
              if (!event.id.empty()) last_id = event.id;
              if (event.name == "job") {
                left = !take(base::parse_json(event.data));
              } else if (look_again) {  // "hello" and "reset"
                left = !look_again();
              }
              return !left;
            });
          },
          headers);
    } catch (const Error& e) {
      if (e.code() != Code::unavailable || ++attempts > attempts_max) throw;
      std::fprintf(stderr, "operonctl: %s; trying again\n", e.what());
    }
    if (!left) std::this_thread::sleep_for(250ms * (1 << std::min(attempts, 5)));
  }
}

}  // namespace operon::ctl
