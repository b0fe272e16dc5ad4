#include "core/net/http_service.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/base/body_delivery.hpp"
#include "core/base/clock.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace operon::net {
namespace {

using nlohmann::json;

constexpr size_t body_bytes_default = 4u << 20;

[[noreturn]] void wrong(const char* member, const char* what) {
  throw Error(Code::invalid_argument, std::string(member) + ": must be " + what).with_field(member);
}

std::string text_of(const json& object, const char* member, const std::string& otherwise = {}) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_string()) wrong(member, "text");
  return found->get<std::string>();
}

bool flag_of(const json& object, const char* member, bool otherwise) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) wrong(member, "true or false");
  return found->get<bool>();
}

int64_t number_of(const json& object, const char* member, int64_t max) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return 0;
  if (!found->is_number_integer() || found->get<int64_t>() < 0) wrong(member, "a whole number, not negative");
  return std::min(found->get<int64_t>(), max);
}

Request request_of(const base::ServiceCall& call) {
  const json object = base::parse_json(call.request_json(), {64u << 20, 16});
  if (!object.is_object()) throw Error(Code::invalid_argument, "the request must be an object");
  Request request;
  request.method = text_of(object, "method", "GET");
  request.url = text_of(object, "url");
  if (request.url.empty()) wrong("url", "given");
  if (const auto headers = object.find("headers"); headers != object.end() && !headers->is_null()) {
    if (!headers->is_object()) wrong("headers", "an object of texts");
    for (const auto& [name, value] : headers->items()) {
      if (!value.is_string()) wrong("headers", "an object of texts");
      request.headers.emplace_back(name, value.get<std::string>());
    }
  }
  request.body = text_of(object, "body");
  if (const auto packed = text_of(object, "bodyBase64"); !packed.empty()) {
    if (!request.body.empty()) wrong("bodyBase64", "left out when body is given");
    auto bytes = base::base64_decode(packed);
    if (!bytes) wrong("bodyBase64", "base64");
    request.body = std::move(*bytes);
  }
  request.ca_bundle = text_of(object, "caBundle");
  request.insecure_skip_verify = flag_of(object, "skipTls", false);
  request.follow_redirects = flag_of(object, "followRedirects", true);
  request.link_local = flag_of(object, "linkLocal", true);
  request.response_bytes_max = body_bytes_default;
  if (object.contains("bodyBytesMax"))
    request.response_bytes_max = static_cast<size_t>(number_of(object, "bodyBytesMax", int64_t{1} << 40));
  request.timeout = std::chrono::milliseconds(number_of(object, "timeoutMs", 24 * 3600 * 1000));
  if (call.deadline_unix_ms() > 0) {
    const auto left = std::chrono::milliseconds(std::max<int64_t>(call.deadline_unix_ms() - base::system_clock().unix_ms(), 1));
    if (request.timeout.count() == 0 || left < request.timeout) request.timeout = left;
  }
  return request;
}

std::string reply_json(const Reply& reply) {
  json headers = json::object();
  for (const auto& [name, value] : reply.headers) {
    if (!base::is_utf8(value)) continue;
    auto [at, fresh] = headers.emplace(name, value);
    if (!fresh) *at = at->get<std::string>() + ", " + value;
  }
  const json object{{"status", reply.status}, {"url", reply.url}, {"bodyBytes", reply.body.size()}, {"headers", std::move(headers)}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

class HttpService : public base::Service {
 public:
  explicit HttpService(std::shared_ptr<Client> client) : client_(std::move(client)) {}

  std::string_view id() const noexcept override { return "operon.host.http/1"; }

  void invoke(std::shared_ptr<base::ServiceCall> call) override {
    if (call->verb() != "request") {
      throw Error(Code::unimplemented, "operon.host.http/1 has the verb request, not \"" + base::printable(call->verb(), 40) + "\"");
    }
    auto delivery = std::make_shared<base::BodyDelivery>(call);
    const auto id = client_->start(request_of(*call), [call, delivery](Result result) {
      if (const auto* error = std::get_if<Error>(&result)) {
        call->fail(*error);
      } else {
        auto& reply = std::get<Reply>(result);
        auto answer = reply_json(reply);
        delivery->begin(std::move(reply.body), std::move(answer));
      }
    });
    if (id == 0) return;
    // Weak: the call may outlive the client at the end of the host.
    call->on_cancel([client = std::weak_ptr<Client>(client_), delivery = std::weak_ptr<base::BodyDelivery>(delivery), id] {
      if (auto alive = client.lock()) alive->cancel(id);
      if (auto alive = delivery.lock()) alive->go();
    });
  }

 private:
  std::shared_ptr<Client> client_;
};

}  // namespace

std::shared_ptr<base::Service> make_http_service(std::shared_ptr<Client> client) {
  return std::make_shared<HttpService>(std::move(client));
}

}  // namespace operon::net
