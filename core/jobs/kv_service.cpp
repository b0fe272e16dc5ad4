#include "core/jobs/kv_service.hpp"

#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/jobs/worker_pool.hpp"
#include "operon/members.hpp"

namespace operon::jobs {
namespace {

using nlohmann::json;

constexpr unsigned page_max = 1000;

std::string key_of(const json& request, const char* member, const KvLimits& limits) {
  std::string key;
  members::require(request, member, key);
  if (key.empty()) throw Error(Code::invalid_argument, "`key` is empty");
  if (key.size() > limits.key_bytes_max) {
    throw Error(Code::out_of_range,
                "`key` has " + std::to_string(key.size()) + " bytes, at most " + std::to_string(limits.key_bytes_max) + " (key_bytes_max)");
  }
  if (key.find('\0') != std::string::npos) throw Error(Code::invalid_argument, "`key` holds a NUL");
  return key;
}

class KvService final : public base::Service {
 public:
  KvService(std::shared_ptr<KvStore> store, const KvLimits& limits) : store_(std::move(store)), limits_(limits), pool_(2, 1) {}
  ~KvService() override { pool_.stop(); }

  std::string_view id() const noexcept override { return "operon.host.kv/1"; }

  void invoke(std::shared_ptr<base::ServiceCall> call) override {
    if (pool_.waiting() >= limits_.calls_queued_max) {
      throw Error(Code::resource_exhausted, std::to_string(limits_.calls_queued_max) +
                                                " questions wait for the key-value store already (calls_queued_max): try again later");
    }
    const bool posted = pool_.post(std::string(call->instance()), [this, call] { answer(*call); });
    if (!posted) throw Error(Code::unavailable, "the host is stopping");
  }

 private:
  void answer(base::ServiceCall& call) {
    try {
      if (call.cancelled()) throw Error(Code::cancelled, "cancelled");
      const std::string text = ask(call).dump(-1, ' ', false, json::error_handler_t::replace);
      call.reply(text);
    } catch (const Error& e) {
      call.fail(e);
    } catch (const std::exception& e) {
      call.fail(Error(Code::internal, e.what()));
    }
  }

  json ask(const base::ServiceCall& call) {
    const std::string instance(call.instance());
    const json request = base::parse_json(call.request_json());
    members::expect_object(request);
    if (call.verb() == "get") {
      const auto value = store_->kv_get(instance, key_of(request, "key", limits_));
      if (!value) throw Error(Code::not_found, "no such key");
      return {{"value", *value}};
    }
    if (call.verb() == "put") return put(instance, request);
    if (call.verb() == "delete") return {{"deleted", store_->kv_delete(instance, key_of(request, "key", limits_))}};
    if (call.verb() == "list") return list(instance, request);
    throw Error(Code::unimplemented, "operon.host.kv/1 has no verb '" + base::printable(call.verb()) + "'; it has get, put, delete, list");
  }

  json put(const std::string& instance, const json& request) {
    const std::string key = key_of(request, "key", limits_);
    std::string value;
    members::require(request, "value", value);
    if (value.size() > limits_.value_bytes_max) {
      throw Error(Code::out_of_range, "`value` has " + std::to_string(value.size()) + " bytes, at most " +
                                          std::to_string(limits_.value_bytes_max) + " (value_bytes_max)");
    }
    store_->kv_put(instance, key, value, limits_.keys_max);
    return json::object();
  }

  json list(const std::string& instance, const json& request) {
    std::string prefix, after;
    unsigned limit = page_max;
    members::read(request, "prefix", prefix);
    members::read(request, "after", after);
    members::read(request, "limit", limit);
    const auto page = store_->kv_list(instance, prefix, after, limit == 0 || limit > page_max ? page_max : limit);
    json answer = {{"keys", page.keys}};
    if (page.more) answer["continue"] = page.keys.back();
    return answer;
  }

  const std::shared_ptr<KvStore> store_;
  const KvLimits limits_;
  WorkerPool pool_;
};

}  // namespace

std::shared_ptr<base::Service> make_kv_service(std::shared_ptr<KvStore> store, KvLimits limits) {
  return std::make_shared<KvService>(std::move(store), limits);
}

}  // namespace operon::jobs
