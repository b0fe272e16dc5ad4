#include "core/targets/request_object.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"

namespace operon::targets {
namespace {

using nlohmann::json;

json parsed(const char* text) {
  return json::parse(text);
}

std::string refusal(const json& object) {
  try {
    read_request_object(object);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a request object is read as other programs write it") {
  const auto r = read_request_object(parsed(R"({
    "metadata": {"name": "u", "creationTimestamp": "2026-01-02T03:04:05Z", "annotations": {"operon.dev/last-used": "2026-01-02T04:04:05Z"}},
    "spec": {"uuid": "u"},
    "status": {"status": "Completed", "completed": "2026-01-02T03:04:06Z",
      "targetData": {"acm": [{"cluster-name": "a", "cluster-api-url": "https://a", "online": true}], "empty": null},
      "conditions": [{"type": "Partial", "status": "True", "reason": "ProvidersFailed", "message": "x: gone"},
                     {"type": "Other", "status": "False", "reason": "R", "message": "m"}]}})"));
  CHECK(r.id == "u");
  CHECK(r.status == RequestStatus::completed);
  CHECK(*r.completed_unix_ms - r.created_unix_ms == 1000);
  CHECK(r.last_used_unix_ms - r.created_unix_ms == 3'600'000);
  REQUIRE(r.target_data.size() == 2);
  CHECK(r.target_data.at("acm").at(0).cluster_api_url == "https://a");
  CHECK(r.target_data.at("empty").empty());
  REQUIRE(r.conditions.size() == 1);
  CHECK(r.conditions[0].message == "x: gone");
}

TEST_CASE("a request without status is pending, and was used when it was made") {
  auto object = new_request_object("u");
  object["metadata"]["creationTimestamp"] = "2026-01-02T03:04:05Z";
  const auto r = read_request_object(object);
  CHECK(r.status == RequestStatus::pending);
  CHECK(r.last_used_unix_ms == r.created_unix_ms);
}

TEST_CASE("an annotation that is no time is ignored, and said") {
  auto object = parsed(R"({"metadata": {"name": "u", "creationTimestamp": "2026-01-02T03:04:05Z"}, "spec": {"uuid": "u"}})");
  CHECK(ignored_annotation(object).empty());
  object["metadata"]["annotations"]["operon.dev/last-used"] = "2026-01-02T04:04:05Z";
  CHECK(ignored_annotation(object).empty());
  object["metadata"]["annotations"]["operon.dev/last-used"] = "yesterday\n";
  CHECK_THAT(ignored_annotation(object), Catch::Contains("operon.dev/last-used is 'yesterday"));
  CHECK(read_request_object(object).last_used_unix_ms == read_request_object(object).created_unix_ms);
}

TEST_CASE("an object of another shape is refused with the member at fault") {
  CHECK(refusal(parsed(R"({"metadata": {"name": "u"}})")) == "`uuid`: is required");
  CHECK(refusal(parsed(R"({"metadata": {}, "spec": {"uuid": 5}})")) == "`uuid`: must be a string, not number");
  CHECK(refusal(parsed(R"({"spec": {"uuid": "u"}, "status": {"targetData": {"p": 5}}})")) == "`status.targetData`: must hold lists");
  CHECK(refusal(parsed(R"({"spec": {"uuid": "u"}, "status": []})")) == "`status`: must be an object");
}

TEST_CASE("patches leave alone what others write") {
  CHECK(answer_patch("ours", {{"a", "https://a"}}) ==
        parsed(R"({"status": {"targetData": {"ours": [{"cluster-name": "a", "cluster-api-url": "https://a"}]}}})"));
  CHECK(answer_patch("ours", {}) == parsed(R"({"status": {"targetData": {"ours": []}}})"));
  CHECK(completed_patch("", "T") == parsed(R"({"status": {"status": "Completed", "completed": "T"}})"));
  CHECK(completed_patch("p: late", "T")["status"]["conditions"][0]["message"] == "p: late");
}

TEST_CASE("a provider that never beat has no heartbeat") {
  auto p = read_provider_object(parsed(R"({"metadata": {"name": "n"}, "spec": {"operator-name": "acm", "active": false}})"));
  CHECK(p.operator_name == "acm");
  CHECK_FALSE(p.active);
  CHECK(p.heartbeat_unix_ms == 0);
  p = read_provider_object(
      parsed(R"({"metadata": {"name": "n"}, "spec": {"operator-name": "acm"}, "status": {"timestamp": "1970-01-01T00:00:01.5+00:00"}})"));
  CHECK(p.active);
  CHECK(p.heartbeat_unix_ms == 1000);
}

}  // namespace operon::targets
