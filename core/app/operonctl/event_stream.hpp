/// core/app/operonctl/event_stream.hpp: server-sent events of job changes, resumed when the connection breaks.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace operon::ctl {

class Client;

/// Splits a byte stream into events (the WHATWG event stream format): id, event name, data.
class EventParser {
 public:
  struct Event {
    std::string id, name, data;
  };
  /// Feeds bytes; calls back for each whole event. Returns what the last callback returned (false = leave).
  bool feed(std::string_view bytes, const std::function<bool(const Event&)>&);

 private:
  std::string line_;
  Event event_;
};

/// Calls back for every change of a job from now on, until `take` returns false. Goes on after a broken connection, from the last event id.
/// `look_again` is called whenever the stream (again) stands, or has lost its place: what changed before is not told by events; false
/// leaves. It must ask through a client of its own. Throws Error when the server refuses or stays away for half a minute.
void follow_job_events(Client&, const std::function<bool(const nlohmann::json& job)>& take, const std::function<bool()>& look_again = {});

}  // namespace operon::ctl
