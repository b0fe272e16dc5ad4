/// operon/sdk/services.hpp: the host's services as C++. Each is asked with blocking calls from a verb (never from a no-block one); the
/// asynchronous form of each is Host::ask_async with the JSON of api/schemas/operon.host.*.v1.json.
///
/// A service must be named under `services` in manifest.yaml. Errors are the service's own operon::Error.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operon/members.hpp"
#include "operon/sdk/host.hpp"

namespace operon::sdk {

/// Text by key, durable, each instance its own. Keys and values are UTF-8; the host bounds both.
class Kv {
 public:
  static constexpr const char* id = "operon.host.kv/1";

  explicit Kv(Host host) : host_(std::move(host)) {}

  std::optional<std::string> get(const std::string& key) const {
    try {
      std::string value;
      members::require(host_.ask(id, "get", {{"key", key}}), "value", value);
      return value;
    } catch (const Error& e) {
      if (e.code() == Code::not_found) return std::nullopt;
      throw;
    }
  }
  void put(const std::string& key, const std::string& value) const { host_.ask(id, "put", {{"key", key}, {"value", value}}); }
  /// False when there was nothing.
  bool remove(const std::string& key) const {
    bool removed = false;
    members::require(host_.ask(id, "delete", {{"key", key}}), "deleted", removed);
    return removed;
  }
  /// All keys that begin with `prefix`, in the order of their bytes.
  std::vector<std::string> keys(const std::string& prefix = "") const {
    std::vector<std::string> all;
    nlohmann::json request = {{"prefix", prefix}};
    for (;;) {
      const auto answer = host_.ask(id, "list", request);
      std::vector<std::string> page;
      members::require(answer, "keys", page);
      all.insert(all.end(), page.begin(), page.end());
      std::optional<std::string> next;
      members::read(answer, "continue", next);
      if (!next) return all;
      request["after"] = *next;
    }
  }

 private:
  Host host_;
};

/// The host's time, which tests set.
class Clock {
 public:
  static constexpr const char* id = "operon.host.clock/1";
  explicit Clock(Host host) : host_(std::move(host)) {}

  int64_t unix_ms() const { return read("unixMs"); }
  /// Milliseconds that only ever grow.
  int64_t steady_ms() const { return read("steadyMs"); }
  /// Returns after `time`; throws Error(cancelled, deadline_exceeded) when the call ends first.
  void sleep(const Call& call, std::chrono::milliseconds time) const { host_.ask(call, id, "sleep", {{"ms", time.count()}}); }
  /// Runs `function` after `time` on a thread of the host's; it must not block. Dropped when the plugin quiesces first.
  Operation after(std::chrono::milliseconds time, std::function<void()> function) const {
    return host_.ask_async(id, "sleep", {{"ms", time.count()}}, [function = std::move(function)](Answer answer) {
      if (!answer.error) function();
    });
  }

 private:
  int64_t read(const char* member) const {
    int64_t value = 0;
    members::require(host_.ask(id, "now", nlohmann::json::object()), member, value);
    return value;
  }
  Host host_;
};

struct HttpRequest {
  std::string url{};
  std::string method = "GET";
  std::map<std::string, std::string> headers{};
  std::string body{};  ///< UTF-8 text
  std::chrono::milliseconds timeout{30'000};
  size_t body_bytes_max = 4u << 20;  ///< of the answer; more is RESOURCE_EXHAUSTED
  std::string ca_bundle{};           ///< PEM of the authorities to trust instead of the system's
  bool skip_tls = false;             ///< https without looking at the certificate
  bool follow_redirects = true;      ///< credentials never go to another host
  bool link_local = true;            ///< whether link-local and cloud metadata addresses may be asked
};
struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< bytes
  std::string url;                             ///< where it came from, after redirects
};

/// Outbound HTTP under the host's rules (proxies, certificates, limits). Any status is an answer; no connection is UNAVAILABLE.
class Http {
 public:
  static constexpr const char* id = "operon.host.http/1";
  explicit Http(Host host) : host_(std::move(host)) {}

  HttpAnswer request(const Call& call, const HttpRequest& request) const {
    HttpAnswer answer;
    read(host_.ask(call, id, "request", json_of(request), appending(answer.body)), answer);
    return answer;
  }
  /// Without waiting: `on_done` comes once, on any thread, with an error when there is no answer.
  Operation request_async(const HttpRequest& request, std::function<void(HttpAnswer, const std::optional<Error>&)> on_done) const {
    auto answer = std::make_shared<HttpAnswer>();
    auto done = [answer, on_done = std::move(on_done)](Answer told) {
      if (!told.error) {
        try {
          read(told.json(), *answer);
        } catch (const Error& e) {
          told.error = e;
        }
      }
      on_done(std::move(*answer), told.error);
    };
    auto chunk = [answer](Stream stream, std::string_view bytes) {
      if (stream == Stream::out) answer->body.append(bytes);
      return true;
    };
    return host_.ask_async(id, "request", json_of(request), std::move(done), std::move(chunk));
  }

 private:
  static nlohmann::json json_of(const HttpRequest& request) {
    return {{"url", request.url},
            {"method", request.method},
            {"headers", request.headers},
            {"body", request.body},
            {"timeoutMs", request.timeout.count()},
            {"bodyBytesMax", request.body_bytes_max},
            {"caBundle", request.ca_bundle},
            {"skipTls", request.skip_tls},
            {"followRedirects", request.follow_redirects},
            {"linkLocal", request.link_local}};
  }
  static OnChunk appending(std::string& body) {
    return [&body](Stream stream, std::string_view bytes) {
      if (stream == Stream::out) body.append(bytes);
      return true;
    };
  }
  static void read(const nlohmann::json& reply, HttpAnswer& answer) {
    members::require(reply, "status", answer.status);
    members::read(reply, "headers", answer.headers);
    members::read(reply, "url", answer.url);
  }

  Host host_;
};

/// Counters, gauges and histograms, shown as operon_plugin_<name> with the label `instance`. Never blocks; what is refused is dropped.
class Metrics {
 public:
  static constexpr const char* id = "operon.host.metrics/1";
  using Labels = std::map<std::string, std::string>;
  explicit Metrics(Host host) : host_(std::move(host)) {}

  /// A counter; the name ends in _total.
  void add(const std::string& name, double by = 1, const Labels& labels = {}, const std::string& help = "") const {
    send("add", name, by, labels, help);
  }
  /// A gauge.
  void set(const std::string& name, double value, const Labels& labels = {}, const std::string& help = "") const {
    send("set", name, value, labels, help);
  }
  /// A histogram, in base units (_seconds, _bytes).
  void observe(const std::string& name, double value, const Labels& labels = {}, const std::string& help = "") const {
    send("observe", name, value, labels, help);
  }

 private:
  void send(const char* verb, const std::string& name, double value, const Labels& labels, const std::string& help) const {
    try {
      host_.ask_async(id, verb, {{"name", name}, {"value", value}, {"labels", labels}, {"help", help}}, [](Answer) {});
    } catch (const Error&) {  // a metric is never worth a failure
    }
  }
  Host host_;
};

}  // namespace operon::sdk
