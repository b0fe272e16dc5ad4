#include <catch2/catch.hpp>

#include "core/kube/handle.hpp"
#include "core/kube/resource.hpp"
#include "core/net/curl_library.hpp"

using namespace operon;
using namespace operon::kube;

namespace {

const Resource pods{"", "v1", "pods"}, jobs{"batch", "v1", "jobs"}, nodes{"", "v1", "nodes", false};

}  // namespace

TEST_CASE("paths of the API") {
  CHECK(pods.path("n", "a") == "/api/v1/namespaces/n/pods/a");
  CHECK(pods.path("n", "a", "log") == "/api/v1/namespaces/n/pods/a/log");
  CHECK(pods.path("") == "/api/v1/pods");
  CHECK(jobs.path("n") == "/apis/batch/v1/namespaces/n/jobs");
  CHECK(nodes.path("", "x") == "/api/v1/nodes/x");
  CHECK(jobs.api_version() == "batch/v1");
  CHECK(pods.api_version() == "v1");
}

TEST_CASE("no name leads to another path") {
  for (const char* bad : {"..", ".", "a/b", "a?b", "a%2fb", "a b", "", "a\nb", "a#b"}) {
    INFO(bad);
    if (*bad) CHECK_THROWS_AS(pods.path("n", bad), Error);
    if (*bad) CHECK_THROWS_AS(pods.path(bad, "a"), Error);
    if (*bad) CHECK_THROWS_AS(pods.path("n", "a", bad), Error);
  }
  CHECK_THROWS_AS(pods.path("", "a"), Error);
  CHECK_THROWS_AS(nodes.path("n", "a"), Error);
  CHECK_THROWS_AS(pods.path("n", std::string(254, 'a')), Error);
}

TEST_CASE("queries are escaped") {
  ListOptions options;
  options.name_space = "n";
  options.label_selector = "app in (a,b),x=y";
  options.limit = 2;
  CHECK(query_text(list_request(pods, options).query) == "?labelSelector=app%20in%20%28a%2Cb%29%2Cx%3Dy&limit=2");
  CHECK(query_text({}).empty());
}

TEST_CASE("a request's address is the server's with its path and query") {
  const auto& curl = net::curl_library();
  const auto led_to = [&](const char* server, const char* path, const char* query) {
    ServerAddress somewhere(server);
    REQUIRE(somewhere.lead_to("/before", "?x=y") != nullptr);
    CURLU* address = somewhere.lead_to(path, query);
    REQUIRE(address != nullptr);
    char* text = nullptr;
    REQUIRE(curl.url_get(address, CURLUPART_URL, &text, 0) == CURLUE_OK);
    const std::string url = text;
    curl.free(text);
    return url;
  };
  CHECK(led_to("https://host:6443", "/api/v1/pods", "") == "https://host:6443/api/v1/pods");
  CHECK(led_to("https://[::1]:6443", "/api", "?a=b%2cc&d=") == "https://[::1]:6443/api?a=b%2cc&d=");
  CHECK(led_to("http://host/k8s/clusters/c-1", "/api/v1/pods", "?watch=true") == "http://host/k8s/clusters/c-1/api/v1/pods?watch=true");
  CHECK(ServerAddress("no address").lead_to("/api", "") == nullptr);
  CHECK(ServerAddress("https://[fe80::1%25eth0]:6443").lead_to("/api", "") == nullptr);

  ClusterConfig config;
  config.server = "https://10.0.0.1:6443/k8s/clusters/c-1";
  CHECK(TransferSettings(config, {}).url == config.server);
  config.tls_server_name = "kubernetes.default.svc";
  const TransferSettings settings(config, {});
  CHECK(settings.url == "https://kubernetes.default.svc:6443/k8s/clusters/c-1");
  CHECK(settings.connect_to == "::10.0.0.1:6443");
  CHECK(settings.host_header == "10.0.0.1:6443");
  config.server = "https://host:99999";
  CHECK_THROWS_AS(Client(config), Error);  // not once a request is on its way
}

TEST_CASE("a page that goes on does not name a version") {
  ListOptions options;
  options.resource_version = "5";
  options.limit = 0;
  CHECK(query_text(list_request(pods, options).query) == "?resourceVersion=5");
  options.continue_token = "t";
  CHECK(query_text(list_request(pods, options).query) == "?continue=t");
}

TEST_CASE("a watch asks for bookmarks, and for a list when it is to bring one") {
  WatchOptions options;
  options.resource_version = "7";
  CHECK(query_text(watch_request(pods, options).query) == "?watch=true&allowWatchBookmarks=true&resourceVersion=7");
  options.resource_version = "";
  options.initial_events = true;
  CHECK(query_text(watch_request(pods, options).query) ==
        "?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
}
