#include <catch2/catch.hpp>

#include "operon/testing/host.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace {

using nlohmann::json;
constexpr const char* interface = "operon.target-provider/1";

struct Loaded {
  operon::base::TemporaryFolder files;
  std::unique_ptr<operon::testing::Host> host = operon::testing::Host::load(TARGET_FILE_LIBRARY);
  explicit Loaded(bool localhost = true) {
    auto file = files.write("config",
                            "clusters: [{name: c, cluster: {server: https://dev:6443}}]\n"
                            "contexts: [{name: dev, context: {cluster: c, user: u}}, {name: localhost, context: {cluster: c, user: u}}]\n"
                            "users: [{name: u, user: {token: t0ken}}]\n");
    host->configure({{"kubeconfigs", {file.string()}}, {"localhost", localhost}});
  }
  std::vector<std::string> list() {
    std::vector<std::string> all;
    for (const auto& chunk : host->call(interface, "list").chunks) all.push_back(json::parse(chunk.data)["clusterName"]);
    return all;
  }
};

TEST_CASE("contexts and this machine are targets") {
  Loaded l;
  CHECK(l.list() == std::vector<std::string>{"localhost", "dev"});
  json local = json::parse(l.host->call(interface, "get", {{"clusterName", "localhost"}}).text);
  CHECK_FALSE(local.contains("kubeconfig"));
  json dev = json::parse(l.host->call(interface, "get", {{"clusterName", "dev"}}).text);
  CHECK(dev["clusterApiUrl"] == "https://dev:6443");
  CHECK(dev["kubeconfig"].get<std::string>().find("current-context: dev") != std::string::npos);
  auto none = l.host->call(interface, "get", {{"clusterName", "none"}});
  REQUIRE(none.error);
  CHECK(none.error->code() == operon::Code::not_found);
  CHECK(l.host->breaches().empty());
}

TEST_CASE("without localhost a context may have that name") {
  Loaded l(false);
  CHECK(l.list() == std::vector<std::string>{"dev", "localhost"});
  CHECK(json::parse(l.host->call(interface, "get", {{"clusterName", "localhost"}}).text).contains("kubeconfig"));
}

TEST_CASE("a probe says whether somebody answers, and tells no secret to find out") {
  Loaded l;
  std::string asked;
  bool down = false;
  l.host->services.serve("operon.host.http/1", "request", [&](const json& request, auto&) -> json {
    asked = request.dump();
    if (down) throw operon::Error(operon::Code::unavailable, "connection refused");
    return {{"status", 401}, {"headers", json::object()}};
  });
  auto probe = [&](const char* name) { return json::parse(l.host->call(interface, "probe", {{"clusterName", name}}).text); };
  CHECK(probe("dev") == json::parse(R"({"reachable":true,"message":"the API server answered 401"})"));
  CHECK(asked.find("t0ken") == std::string::npos);
  down = true;
  CHECK(probe("dev") == json::parse(R"({"reachable":false,"message":"connection refused"})"));
  CHECK(probe("localhost") == json::parse(R"({"reachable":true,"message":"this machine"})"));
}

}  // namespace
