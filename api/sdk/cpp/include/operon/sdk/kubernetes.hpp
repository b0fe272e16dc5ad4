/// operon/sdk/kubernetes.hpp: the API server of the cluster that the host works on, as C++. The host's identity goes with each question;
/// what a plugin may ask stands under `permissions` in its manifest.yaml, beside `services: [operon.host.kube/1]`.
///
/// Errors beside the service's own (PERMISSION_DENIED with the reason NotInManifest, FAILED_PRECONDITION with NoCluster, UNAVAILABLE): a
/// status other than 2xx, where it says so below, as Error with the server's message and its reason ("NotFound", "Conflict", ...).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "operon/members.hpp"
#include "operon/sdk/host.hpp"

namespace operon::sdk {

using KubernetesQuery = std::map<std::string, std::string>;  ///< not escaped

struct KubernetesRequest {
  std::string path{};  ///< "/api/v1/namespaces/NS/configmaps/NAME", "/apis/GROUP/VERSION/..."
  std::string method = "GET";
  KubernetesQuery query{};
  nlohmann::json body{};       ///< an object to send; null = none
  std::string content_type{};  ///< empty = application/json; a PATCH needs the one of its kind
  std::chrono::milliseconds timeout{30'000};
  std::string
      accept{};  ///< empty = application/json; lists of names alone: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
};

struct KubernetesAnswer {
  int status = 0;
  std::string body;

  bool ok() const noexcept { return status >= 200 && status < 300; }
  /// The body; throws Error for a status other than 2xx.
  nlohmann::json json() const {
    auto value = nlohmann::json::parse(body, nullptr, false);
    if (!ok()) throw error(value);
    if (value.is_discarded()) throw Error(Code::internal, "the API server's answer is not JSON");
    return value;
  }

 private:
  Error error(const nlohmann::json& told) const {
    std::string message = "the API server answered " + std::to_string(status), reason;
    if (told.is_object()) {
      members::read(told, "message", message);
      members::read(told, "reason", reason);
    }
    return Error(code(reason), message).with_reason(reason);
  }
  Code code(const std::string& reason) const noexcept {
    if (status == 409) return reason == "AlreadyExists" ? Code::already_exists : Code::aborted;
    if (status >= 500) return status == 504 ? Code::deadline_exceeded : Code::unavailable;
    static const std::map<int, Code> codes = {{401, Code::unauthenticated},
                                              {403, Code::permission_denied},
                                              {404, Code::not_found},
                                              {410, Code::out_of_range},
                                              {429, Code::resource_exhausted}};
    const auto found = codes.find(status);
    return found == codes.end() ? Code::invalid_argument : found->second;
  }
};

/// Of one of several requests: its answer, or why there is none.
struct KubernetesOutcome {
  KubernetesAnswer answer{};
  std::optional<Error> error{};
};

struct PodLogRequest {
  std::string name_space, pod;
  std::string container{};  ///< empty = the only one
  bool follow = false, timestamps = false, previous = false;
  std::optional<int64_t> tail_lines{}, limit_bytes{};
  std::string since_time{};  ///< RFC 3339
};

struct PodExecRequest {
  std::string name_space, pod;
  std::vector<std::string> command;
  std::string container{};             ///< empty = the only one
  std::optional<std::string> input{};  ///< for its standard input, then the end of it
  std::chrono::milliseconds timeout{60'000};
};

/// Where the host works when nothing else is said.
struct KubernetesInfo {
  std::string name_space, server;
};

class Kubernetes {
 public:
  static constexpr const char* id = "operon.host.kube/1";
  static constexpr size_t event_bytes_max = 4u << 20;  ///< of one event of a watch; a longer one ends it

  explicit Kubernetes(Host host) : host_(std::move(host)) {}

  KubernetesInfo info(const Call& call) const { return info_of(host_.ask(call, id, "info", nlohmann::json::object())); }
  /// Outside of any call, on a thread of the plugin's own.
  KubernetesInfo info() const { return info_of(host_.ask(id, "info", nlohmann::json::object())); }

  /// Any status is an answer.
  KubernetesAnswer request(const Call& call, const KubernetesRequest& request) const {
    KubernetesAnswer answer;
    members::require(host_.ask(call, id, "request", json_of(request), appending(answer.body)), "status", answer.status);
    return answer;
  }
  /// Outside of any call, on a thread of the plugin's own.
  KubernetesAnswer request(const KubernetesRequest& request) const {
    KubernetesAnswer answer;
    members::require(host_.ask(id, "request", json_of(request), appending(answer.body)), "status", answer.status);
    return answer;
  }
  /// All at the same time, over the connection that they share where the server has HTTP/2; waits for the last answer. In the order of the
  /// requests. `parent` as in Host::ask; null outside of any call.
  std::vector<KubernetesOutcome> request_all(const Call* parent, const std::vector<KubernetesRequest>& requests) const {
    std::vector<std::pair<std::shared_ptr<Pending>, std::optional<Error>>> sent;
    for (const auto& request : requests) {
      auto pending = std::make_shared<Pending>();
      sent.emplace_back(pending, std::nullopt);
      try {
        host_.ask_async(
            id, "request", json_of(request), [pending](Answer told) { pending->end(std::move(told)); },
            [pending](Stream, std::string_view bytes) {
              pending->outcome.answer.body.append(bytes);
              return true;
            },
            parent != nullptr ? &parent->raw() : nullptr);
      } catch (const Error& e) {
        sent.back().second = e;
      }
    }
    std::vector<KubernetesOutcome> outcomes;
    for (auto& [pending, not_taken] : sent) {
      if (!not_taken) pending->signal.wait();
      outcomes.push_back(not_taken ? KubernetesOutcome{{}, std::move(not_taken)} : std::move(pending->outcome));
    }
    return outcomes;
  }
  /// Without waiting: `on_done` comes once, on any thread, with an error when there is no answer.
  Operation request_async(const KubernetesRequest& request,
                          std::function<void(const KubernetesAnswer&, const std::optional<Error>&)> on_done) const {
    auto answer = std::make_shared<KubernetesAnswer>();
    auto done = [answer, on_done = std::move(on_done)](Answer told) {
      if (!told.error) {
        try {
          members::require(told.json(), "status", answer->status);
        } catch (const Error& e) {
          told.error = e;
        }
      }
      on_done(*answer, told.error);
    };
    return host_.ask_async(id, "request", json_of(request), std::move(done), [answer](Stream, std::string_view bytes) {
      answer->body.append(bytes);
      return true;
    });
  }

  /// One object or list; throws for a status other than 2xx.
  nlohmann::json get(const Call& call, const std::string& path, const KubernetesQuery& query = {}) const {
    return request(call, {.path = path, .query = query}).json();
  }

  /// Each event as the server sends it, {"type": "ADDED", "object": {...}}, on a thread of the host's; `on_event` must not block. `on_done`
  /// comes once: without an error when the server ended the watch, to be asked again from the last resourceVersion.
  Operation watch(const std::string& path, const KubernetesQuery& query, std::function<void(const nlohmann::json&)> on_event,
                  std::function<void(std::optional<Error>)> on_done) const {
    struct Lines {
      std::string kept;
      std::optional<Error> error;
    };
    auto lines = std::make_shared<Lines>();
    auto take = [lines, on_event = std::move(on_event)](Stream, std::string_view bytes) {
      if (lines->error) return true;
      for (size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos; bytes.remove_prefix(end + 1)) {
        lines->kept.append(bytes.substr(0, end));
        const auto event = nlohmann::json::parse(lines->kept, nullptr, false);
        lines->kept.clear();
        if (event.is_object()) on_event(event);
      }
      lines->kept.append(bytes);
      if (lines->kept.size() > event_bytes_max) {
        lines->error.emplace(Code::resource_exhausted,
                             "an event of the watch is longer than " + std::to_string(event_bytes_max) + " bytes");
        throw std::length_error("event");  // whoever throws here wants no more
      }
      return true;
    };
    auto done = [lines, on_done = std::move(on_done)](Answer answer) {
      on_done(lines->error ? std::move(lines->error) : std::move(answer.error));
    };
    return host_.ask_async(id, "watch", {{"path", path}, {"query", query}}, std::move(done), std::move(take));
  }

  /// A container's log as bytes that end anywhere. `on_bytes` must not block; false = full: the same come again after Operation::resume().
  Operation log(const PodLogRequest& request, std::function<bool(std::string_view)> on_bytes,
                std::function<void(std::optional<Error>)> on_done) const {
    nlohmann::json json = {{"namespace", request.name_space},
                           {"pod", request.pod},
                           {"follow", request.follow},
                           {"timestamps", request.timestamps},
                           {"previous", request.previous}};
    if (!request.container.empty()) json["container"] = request.container;
    if (!request.since_time.empty()) json["sinceTime"] = request.since_time;
    if (request.tail_lines) json["tailLines"] = *request.tail_lines;
    if (request.limit_bytes) json["limitBytes"] = *request.limit_bytes;
    return host_.ask_async(
        id, "log", json, [on_done = std::move(on_done)](Answer answer) { on_done(std::move(answer.error)); },
        [on_bytes = std::move(on_bytes)](Stream, std::string_view bytes) { return on_bytes(bytes); });
  }

  /// Runs a command in a container and waits for its exit code. `on_output` must not block.
  int exec(const Call& call, const PodExecRequest& request, std::function<void(Stream, std::string_view)> on_output) const {
    nlohmann::json json = {
        {"namespace", request.name_space}, {"pod", request.pod}, {"command", request.command}, {"timeoutMs", request.timeout.count()}};
    if (!request.container.empty()) json["container"] = request.container;
    if (request.input) json["input"] = *request.input;
    const auto answer = host_.ask(call, id, "exec", json, [&](Stream stream, std::string_view bytes) {
      on_output(stream, bytes);
      return true;
    });
    int code = 0;
    members::require(answer, "exitCode", code);
    return code;
  }

 private:
  struct Pending {
    detail::Signal signal;
    KubernetesOutcome outcome;

    void end(Answer told) {
      outcome.error = std::move(told.error);
      try {
        if (!outcome.error) members::require(told.json(), "status", outcome.answer.status);
      } catch (const Error& e) {
        outcome.error = e;
      }
      signal.fire();
    }
  };

  static KubernetesInfo info_of(const nlohmann::json& answer) {
    KubernetesInfo info;
    members::require(answer, "namespace", info.name_space);
    members::require(answer, "server", info.server);
    return info;
  }
  static nlohmann::json json_of(const KubernetesRequest& request) {
    nlohmann::json json = {
        {"method", request.method}, {"path", request.path}, {"query", request.query}, {"timeoutMs", request.timeout.count()}};
    if (!request.body.is_null()) json["body"] = request.body;
    if (!request.content_type.empty()) json["contentType"] = request.content_type;
    if (!request.accept.empty()) json["accept"] = request.accept;
    return json;
  }
  static OnChunk appending(std::string& body) {
    return [&body](Stream, std::string_view bytes) {
      body.append(bytes);
      return true;
    };
  }

  Host host_;
};

}  // namespace operon::sdk
