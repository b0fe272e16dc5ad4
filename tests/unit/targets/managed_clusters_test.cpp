#include "core/targets/managed_clusters.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/base64.hpp"

namespace operon::targets {
namespace {

using nlohmann::json;

json secret_with(const std::string& text) {
  return {{"metadata", {{"name", "u"}}}, {"data", {{"managed-clusters", base64_encode(text)}}}};
}

/// Code and message of what find throws.
std::pair<Code, std::string> refusal(const json& secret, const ClusterKey& key) {
  try {
    find_managed_cluster(secret, key);
  } catch (const Error& e) {
    return {e.code(), e.what()};
  }
  return {Code::ok, ""};
}

}  // namespace

TEST_CASE("what one provider writes is found again beside what another has written") {
  json secret = secret_with(R"({"acm": {"b": {"cluster-name": "b", "cluster-api": "https://b", "kubeconfig": "Y29uZmln"}}})");
  put_managed_clusters(secret, "ours",
                       {{"a", "https://a", "yaml"}, {"local", "", std::nullopt}, {"broken", "https://x", std::nullopt, true}});
  const auto a = find_managed_cluster(secret, {"u", "a", ""});
  CHECK(a.provider == "ours");
  CHECK(a.cluster_api_url == "https://a");
  CHECK(a.kubeconfig == "yaml");
  CHECK(find_managed_cluster(secret, {"u", "b", "acm"}).kubeconfig == "config");
  CHECK_FALSE(find_managed_cluster(secret, {"u", "local", ""}).kubeconfig);
  CHECK(refusal(secret, {"u", "broken", ""}).first == Code::failed_precondition);
  put_managed_clusters(secret, "ours", {});
  CHECK(refusal(secret, {"u", "a", ""}) == std::pair{Code::not_found, std::string("Kubeconfig for cluster 'a' not found in secret")});
  CHECK(find_managed_cluster(secret, {"u", "b", ""}).provider == "acm");
}

TEST_CASE("the same name at two providers has to be told apart") {
  json secret = json::object();
  put_managed_clusters(secret, "one", {{"a", "https://1", "1"}});
  put_managed_clusters(secret, "two", {{"a", "https://2", "2"}});
  CHECK(refusal(secret, {"u", "a", ""}) ==
        std::pair{Code::aborted, std::string("cluster 'a' is known to several providers (one, two): name one of them as provider")});
  CHECK(find_managed_cluster(secret, {"u", "a", "two"}).kubeconfig == "2");
  CHECK(refusal(secret, {"u", "a", "three"}).first == Code::not_found);
}

TEST_CASE("a Secret that is not what it should be says so without its content") {
  CHECK(refusal({{"data", {{"other", "eA=="}}}}, {"u", "a", ""}) ==
        std::pair{Code::not_found, std::string("managed-clusters not found in secret")});
  for (const json& bad : {secret_with("{canary"), secret_with("[]"), secret_with(R"({"p": "canary"})"),
                          json{{"metadata", {{"name", "u"}}}, {"data", {{"managed-clusters", "%%canary"}}}}}) {
    const auto [code, text] = refusal(bad, {"u", "a", ""});
    CHECK(code == Code::internal);
    CHECK(text == "Secret 'u' does not hold valid JSON under managed-clusters");
    json copy = bad;
    CHECK_THROWS_AS(put_managed_clusters(copy, "ours", {}), Error);
    CHECK(copy == bad);
  }
  for (const char* entry : {R"({"cluster-name": "a"})", R"({"kubeconfig": ""})", R"({"kubeconfig": "%%"})", R"({"kubeconfig": 5})", "5"}) {
    INFO(entry);
    const auto [code, text] = refusal(secret_with(std::string(R"({"p": {"a": )") + entry + "}}"), {"u", "a", ""});
    CHECK(code == Code::failed_precondition);
    CHECK(text.find("cluster 'a'") != std::string::npos);
  }
}

}  // namespace operon::targets
