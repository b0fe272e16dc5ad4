/// core/http/message.hpp: requests and answers as handlers see them. Poco stays behind core/http/server.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace operon::http {

enum class Method { get, post, put, patch, del };  // HEAD is answered as GET without a body, OPTIONS by the router
const char* to_string(Method);

/// What a route asks of its caller. In a token file each includes the ones before it; a cluster is asked about each of them alone.
enum class Role { anyone, view, stop, run, admin };

struct Caller {
  std::string name = "anonymous";
  Role role = Role::anyone;
};

/// A request whose route is known, whose caller may, whose body is read and bounded.
struct Request {
  Method method = Method::get;
  std::string path;                                        ///< decoded
  std::map<std::string, std::string, std::less<>> params;  ///< of the pattern: {"jobId", "..."}
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order; empty values are left out (they count as absent)
  std::string body;
  std::string request_id;
  std::string peer;  ///< address without port
  Caller caller;
  bool wants_websocket = false;                                             ///< the whole handshake's wish: Upgrade and Connection
  std::function<std::optional<std::string>(std::string_view name)> header;  ///< case-insensitive; absent when absent

  /// The first value of that name. Throws Error(invalid_argument) when it is given twice.
  std::optional<std::string> query_value(std::string_view name) const;
};

/// A body that is made as it goes out. Used by one stream thread at a time; must never block.
class StreamSource {
 public:
  enum class Got { data, wait, end };
  virtual ~StreamSource() = default;
  /// Appends up to about `max` bytes. `wait`: the waker will be called when there is more.
  virtual Got read(std::string& into, size_t max) = 0;
  /// Given once before the first read; callable from any thread, also after the stream has gone.
  virtual void set_waker(std::function<void()>) = 0;
  /// The host is stopping: say so in the next read (a marker, an event) and end.
  virtual void drain() {}
  /// What to append when this stream is dropped because the peer does not read.
  virtual std::string dropped_marker() const { return {}; }
};

struct Response {
  int status = 200;
  int interim_status = 0;  ///< 100 or 102: sent first, to HTTP/1.1 clients only; 0 = none
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<StreamSource> stream;  ///< instead of body
  bool websocket = false;                ///< stream over a WebSocket when the client asked for the upgrade: one text frame a line

  static Response json(int status, std::string body);  ///< appends the newline
  static Response error(int status, std::string_view code, std::string_view message);
};

using Handler = std::function<Response(const Request&)>;

}  // namespace operon::http
