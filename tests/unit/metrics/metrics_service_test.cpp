#include "core/metrics/metrics_service.hpp"

#include <catch2/catch.hpp>

#include "core/metrics/metrics.hpp"
#include "tests/unit/base/fake_service_call.hpp"

namespace operon::metrics {
namespace {

std::string ask(const char* verb, const char* request) {
  auto call = std::make_shared<base::FakeServiceCall>(verb, request, "my-runner");
  try {
    make_metrics_service()->invoke(call);
  } catch (const Error& e) {
    return e.what();
  }
  return call->wait();
}

TEST_CASE("a plugin's metrics are prefixed and labelled with its instance") {
  CHECK(ask("add", R"({"name":"pulls_total","value":2,"labels":{"host":"a"},"help":"Pulls."})") == "{}");
  CHECK(ask("set", R"({"name":"open_files","value":7})") == "{}");
  CHECK(ask("observe", R"({"name":"pull_seconds","value":0.2,"buckets":[0.1,1]})") == "{}");
  const std::string text = expose();
  CHECK(text.find("operon_plugin_pulls_total{host=\"a\",instance=\"my-runner\"} 2\n") != std::string::npos);
  CHECK(text.find("# HELP operon_plugin_pulls_total Pulls.\n") != std::string::npos);
  CHECK(text.find("operon_plugin_open_files{instance=\"my-runner\"} 7\n") != std::string::npos);
  CHECK(text.find("operon_plugin_pull_seconds_bucket{instance=\"my-runner\",le=\"1\"} 1\n") != std::string::npos);
}

TEST_CASE("what a plugin may not say is refused in words") {
  CHECK(ask("add", R"({"name":"pulls","value":1})") == "operon.host.metrics/1: the name of a counter ends in _total");
  CHECK(ask("add", R"({"name":"a_total","value":-1})") == "operon.host.metrics/1: a counter only grows");
  CHECK(ask("add", R"({"name":"a_total"})") == "operon.host.metrics/1: value is not a number");
  CHECK(ask("set", R"({"name":"A b","value":1})") ==
        "operon.host.metrics/1: name must be lower-case letters, digits and underscores, at most 100");
  CHECK(ask("set", R"({"name":"a","value":1,"labels":{"instance":"forged"}})") ==
        "operon.host.metrics/1: label name 'instance' is not allowed");
  CHECK(ask("observe", R"({"name":"a_seconds","value":1,"buckets":[2,1]})") == "operon.host.metrics/1: buckets do not rise");
  CHECK(ask("remove", "{}") == "operon.host.metrics/1 has no verb 'remove', only add, set and observe");
  CHECK(ask("set", R"({"name":"pulls_total","value":1})").find("pulls_total") != std::string::npos);  // another kind already
}

}  // namespace
}  // namespace operon::metrics
