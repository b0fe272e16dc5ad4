#include <catch2/catch.hpp>
#include <future>

#include "core/jobs/kv_service.hpp"
#include "core/jobs/sqlite_store.hpp"
#include "fake_runner.hpp"

using namespace operon;
using namespace operon::jobs;

namespace {

struct Call final : base::ServiceCall {
  std::string verb_, request_, instance_;
  std::promise<std::string> ended;
  std::string_view verb() const noexcept override { return verb_; }
  std::string_view request_json() const noexcept override { return request_; }
  std::string_view instance() const noexcept override { return instance_; }
  int64_t deadline_unix_ms() const noexcept override { return 0; }
  bool cancelled() const noexcept override { return false; }
  void on_cancel(std::function<void()>) override {}
  bool chunk(uint32_t, std::string_view) override { return true; }
  void on_resume(std::function<void()>) override {}
  void reply(std::string_view json) override { ended.set_value(std::string(json)); }
  void fail(const Error& e) override { ended.set_value(std::to_string(static_cast<int>(e.code())) + " " + e.what()); }
};

std::string ask(base::Service& service, const char* instance, const char* verb, const std::string& request) {
  auto call = std::make_shared<Call>();
  call->verb_ = verb;
  call->request_ = request;
  call->instance_ = instance;
  auto future = call->ended.get_future();
  service.invoke(call);
  return future.get();
}

}  // namespace

TEST_CASE("operon.host.kv/1 keeps each instance's values apart and within their limits") {
  testing::TemporaryFolder folder;
  KvLimits limits;
  limits.value_bytes_max = 10;
  limits.keys_max = 2;
  const auto service = make_kv_service(open_sqlite_store(folder.path / "state.db"), limits);
  CHECK(service->id() == "operon.host.kv/1");
  CHECK(ask(*service, "a", "put", R"({"key":"k","value":"v"})") == "{}");
  CHECK(ask(*service, "a", "get", R"({"key":"k"})") == R"({"value":"v"})");
  CHECK(ask(*service, "b", "get", R"({"key":"k"})") == "5 no such key");
  CHECK(ask(*service, "a", "put", R"({"key":"l","value":"12345678901"})") == "11 `value` has 11 bytes, at most 10 (value_bytes_max)");
  CHECK(ask(*service, "a", "put", R"({"key":"l","value":"x"})") == "{}");
  CHECK(ask(*service, "a", "put", R"({"key":"m","value":"x"})") == "8 instance 'a' keeps 2 keys already (keys_max): delete some first");
  CHECK(ask(*service, "a", "list", R"({"limit":1})") == R"({"continue":"k","keys":["k"]})");
  CHECK(ask(*service, "a", "list", R"({"after":"k"})") == R"({"keys":["l"]})");
  CHECK(ask(*service, "a", "delete", R"({"key":"k"})") == R"({"deleted":true})");
  CHECK(ask(*service, "a", "get", R"({"key":""})").substr(0, 2) == "3 ");
  CHECK(ask(*service, "a", "get", "[]").substr(0, 2) == "3 ");
  CHECK(ask(*service, "a", "swap", "{}") == "12 operon.host.kv/1 has no verb 'swap'; it has get, put, delete, list");
}
