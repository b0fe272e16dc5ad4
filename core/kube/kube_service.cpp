#include "core/kube/kube_service.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/base/body_delivery.hpp"
#include "core/base/clock.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/kube/exec.hpp"
#include "core/kube/resource.hpp"
#include "operon/call.h"

namespace operon::kube {
namespace {

using nlohmann::json;
using CallPtr = std::shared_ptr<base::ServiceCall>;

constexpr int64_t timeout_ms_max = 24 * 3600 * 1000;
const Resource pods{"", "v1", "pods"};

[[noreturn]] void wrong(const std::string& member, const char* what) {
  throw Error(Code::invalid_argument, member + ": must be " + what).with_field(member);
}

const json* member_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const json& object, const char* name, const char* otherwise = "") {
  const json* value = member_of(object, name);
  if (!value) return otherwise;
  if (!value->is_string()) wrong(name, "text");
  return value->get<std::string>();
}

/// The value of a header: a line break in it would be another header, with which somebody else could be asked as.
std::string header_of(const json& object, const char* name, const char* otherwise) {
  auto text = text_of(object, name, otherwise);
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; })) wrong(name, "plain text on one line");
  return text;
}

int64_t number_of(const json& object, const char* name, int64_t otherwise) {
  const json* value = member_of(object, name);
  if (!value) return otherwise;
  if (!value->is_number_integer() || value->get<int64_t>() < 0) wrong(name, "a whole number, not negative");
  return value->get<int64_t>();
}

bool flag_of(const json& object, const char* name) {
  const json* value = member_of(object, name);
  if (!value) return false;
  if (!value->is_boolean()) wrong(name, "true or false");
  return value->get<bool>();
}

Query query_of(const json& object) {
  Query query;
  const json* value = member_of(object, "query");
  if (!value) return query;
  if (!value->is_object()) wrong("query", "an object of texts");
  for (const auto& [name, text] : value->items()) {
    if (!text.is_string()) wrong("query", "an object of texts");
    query.emplace_back(name, text.get<std::string>());
  }
  return query;
}

std::chrono::milliseconds timeout_of(const json& object, const base::ServiceCall& call, int64_t otherwise_ms) {
  int64_t ms = std::min(number_of(object, "timeoutMs", otherwise_ms), timeout_ms_max);
  if (call.deadline_unix_ms() > 0) {
    const int64_t left = std::max<int64_t>(call.deadline_unix_ms() - base::system_clock().unix_ms(), 1);
    ms = ms == 0 ? left : std::min(ms, left);
  }
  return std::chrono::milliseconds(ms);
}

/// Room for an exec's output: its thread waits until the plugin takes more.
struct Room {
  void there_is() {
    std::lock_guard lock(mutex);
    again = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(exec_look_ms), [&] { return again; });
    again = false;
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool again = false;
};

class KubeService final : public base::Service {
 public:
  KubeService(std::shared_ptr<Client> client, PermissionsOf permissions, KubeServiceLimits limits)
      : client_(std::move(client)), permissions_(std::move(permissions)), limits_(limits) {}

  ~KubeService() override {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    none_.wait(lock, [&] { return execs_ == 0; });
  }

  std::string_view id() const noexcept override { return "operon.host.kube/1"; }

  void invoke(CallPtr call) override {
    const json object = base::parse_json(call->request_json(), {limits_.request_bytes_max, 64});
    if (!object.is_object()) throw Error(Code::invalid_argument, "the request must be an object");
    const auto verb = call->verb();
    if (verb == "info") return call->reply(json{{"namespace", client_->config().name_space}, {"server", client_->config().server}}.dump());
    if (verb == "request") return request(call, object);
    if (verb == "watch") return watch(call, object);
    if (verb == "log") return log(call, object);
    if (verb == "exec") return exec_in(call, object);
    throw Error(Code::unimplemented,
                "operon.host.kube/1 has the verbs info, request, watch, log and exec, not \"" + base::printable(verb, 40) + "\"");
  }

 private:
  void check(const CallPtr& call, const Access& access) const { check_access(access, permissions_(call->instance()), call->instance()); }

  void request(const CallPtr& call, const json& object) {
    Request request;
    request.method = text_of(object, "method", "GET");
    request.path = text_of(object, "path");
    request.query = query_of(object);
    if (std::any_of(request.query.begin(), request.query.end(), [](const auto& q) { return q.first == "watch" || q.first == "follow"; })) {
      wrong("query", "without watch and follow: there are verbs for these");
    }
    check(call, access_of(request.method, request.path, false));
    if (const json* body = member_of(object, "body")) request.body = body->is_string() ? body->get<std::string>() : body->dump();
    request.content_type = header_of(object, "contentType", "");
    request.accept = header_of(object, "accept", "application/json");
    request.timeout = timeout_of(object, *call, 30'000);
    request.response_bytes_max = limits_.response_bytes_max;
    auto delivery = std::make_shared<base::BodyDelivery>(call);
    const auto id = client_->request(std::move(request), [call, delivery](Result result) {
      if (const auto* error = std::get_if<Error>(&result)) return call->fail(*error);
      auto& response = std::get<Response>(result);
      auto answer = json{{"status", response.status}, {"bodyBytes", response.body.size()}}.dump();
      delivery->begin(std::move(response.body), std::move(answer));
    });
    // Weak: the call may outlive the client at the end of the host. A plugin that takes no more and goes away has to be let go, too.
    call->on_cancel([client = std::weak_ptr<Client>(client_), delivery = std::weak_ptr<base::BodyDelivery>(delivery), id] {
      if (auto alive = client.lock()) alive->cancel(id);
      if (auto alive = delivery.lock()) alive->go();
    });
  }

  void watch(const CallPtr& call, const json& object) {
    Request request;
    request.path = text_of(object, "path");
    request.query = query_of(object);
    std::erase_if(request.query, [](const auto& q) { return q.first == "watch"; });
    request.query.emplace_back("watch", "true");
    // A watch of one object names it by a field selector, and is a permission on the kind.
    const auto access = access_of("GET", request.path, true);
    if (!access.name.empty()) wrong("path", "of a list; choose one object with the fieldSelector metadata.name=NAME");
    check(call, access);
    pass_on(call, std::move(request), object);
  }

  void log(const CallPtr& call, const json& object) {
    Request request;
    request.path = pods.path(text_of(object, "namespace"), text_of(object, "pod"), "log");
    check(call, access_of("GET", request.path, false));
    request.accept = "*/*";
    if (const auto container = text_of(object, "container"); !container.empty()) request.query.emplace_back("container", container);
    for (const char* flag : {"follow", "timestamps", "previous"}) {
      if (flag_of(object, flag)) request.query.emplace_back(flag, "true");
    }
    for (const char* number : {"tailLines", "limitBytes"}) {
      if (member_of(object, number)) request.query.emplace_back(number, std::to_string(number_of(object, number, 0)));
    }
    if (const auto since = text_of(object, "sinceTime"); !since.empty()) request.query.emplace_back("sinceTime", since);
    pass_on(call, std::move(request), object);
  }

  /// A stream goes through as it comes; a plugin that is full stops the sender.
  void pass_on(const CallPtr& call, Request request, const json& object) {
    request.own_connection = true;
    request.timeout = timeout_of(object, *call, 0);
    const auto id =
        client_->stream(std::move(request), {nullptr, [call](std::string_view chunk) { return call->chunk(OPERON_STREAM_STDOUT, chunk); },
                                             [call](std::optional<Error> error) {
                                               if (error) return call->fail(*error);
                                               call->reply("{}");
                                             }});
    if (id == 0) return;
    call->on_resume([client = std::weak_ptr<Client>(client_), id] {
      if (auto alive = client.lock()) alive->resume(id);
    });
    // Room may have come before we could be told of it.
    client_->resume(id);
    cancel_with(call, id);
  }

  void cancel_with(const CallPtr& call, Client::Id id) {
    if (id == 0) return;
    call->on_cancel([client = std::weak_ptr<Client>(client_), id] {
      if (auto alive = client.lock()) alive->cancel(id);
    });
  }

  void exec_in(const CallPtr& call, const json& object) {
    ExecRequest request;
    request.name_space = text_of(object, "namespace");
    request.pod = text_of(object, "pod");
    request.container = text_of(object, "container");
    const json* command = member_of(object, "command");
    if (!command || !command->is_array() || command->empty()) wrong("command", "a list of texts, not empty");
    for (const auto& word : *command) {
      if (!word.is_string()) wrong("command", "a list of texts, not empty");
      request.command.push_back(word.get<std::string>());
    }
    request.with_input = member_of(object, "input") != nullptr;
    request.input = text_of(object, "input");
    request.timeout = timeout_of(object, *call, 60'000);
    const auto path = pods.path(request.name_space, request.pod, "exec");
    // By WebSocket it is a GET; the permission everybody writes is create.
    auto access = access_of("GET", path, false);
    access.verb = "create";
    check(call, access);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) throw Error(Code::unavailable, "the host is stopping");
      if (execs_ >= limits_.execs_max) {
        throw Error(Code::resource_exhausted, std::to_string(execs_) + " commands are running (execs_max); try again later");
      }
      ++execs_;
    }
    std::thread([this, call, request = std::move(request)] {
      run(call, request);
      std::lock_guard lock(mutex_);
      --execs_;
      none_.notify_all();
    }).detach();
  }

  void run(const CallPtr& call, const ExecRequest& request) {
    const auto room = std::make_shared<Room>();
    const auto stop = [&] { return stopping_ || call->cancelled(); };
    try {
      call->on_resume([room] { room->there_is(); });
      const int code = exec(
          *client_, request,
          [&](ExecStream stream, std::string_view bytes) {
            while (!call->chunk(stream == ExecStream::output ? OPERON_STREAM_STDOUT : OPERON_STREAM_STDERR, bytes)) {
              if (stop()) return false;
              room->wait();
            }
            return true;
          },
          stop);
      call->reply(json{{"exitCode", code}}.dump());
    } catch (const Error& e) {
      call->fail(e);
    } catch (const std::exception& e) {
      call->fail(Error(Code::internal, e.what()));
    }
  }

  const std::shared_ptr<Client> client_;
  const PermissionsOf permissions_;
  const KubeServiceLimits limits_;
  std::mutex mutex_;
  std::condition_variable none_;
  unsigned execs_ = 0;
  std::atomic<bool> stopping_{false};
};

}  // namespace

std::shared_ptr<base::Service> make_kube_service(std::shared_ptr<Client> client, PermissionsOf permissions, KubeServiceLimits limits) {
  return std::make_shared<KubeService>(std::move(client), std::move(permissions), limits);
}

}  // namespace operon::kube
