#include <catch2/catch.hpp>

#include "operon/testing/host.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace {

using nlohmann::json;
constexpr const char* interface = "operon.scenario-registry/1";

struct Loaded {
  operon::base::TemporaryFolder files;
  std::unique_ptr<operon::testing::Host> host = operon::testing::Host::load(REGISTRY_DIR_LIBRARY);
  Loaded() {
    files.write(
        "hello.yaml",
        "title: Hello\nfields: [{name: n, type: number, variable: N, default: 3}]\nglobals: {title: G}\nrun: {argv: [echo, $(N)]}\n");
    files.write("bare.yaml", "title: Bare\nrun: {argv: [true]}\n");
    files.write("bad.yaml", "title: [\n");
    host->configure({{"path", files.path().string()}});
  }
};

TEST_CASE("the plugin lists, details by name and by reference, and gives globals") {
  Loaded l;
  auto list = l.host->call(interface, "list");
  REQUIRE_FALSE(list.error);
  REQUIRE(list.chunks.size() == 2);
  CHECK(json::parse(list.chunks[1].data)["reference"] == "dir://hello");
  auto detail = l.host->call(interface, "detail", {{"name", "hello"}});
  REQUIRE_FALSE(detail.error);
  json scenario = json::parse(detail.text);
  CHECK(scenario["title"] == "Hello");
  CHECK(scenario["fields"] == json::parse(R"([{"name":"n","type":"number","variable":"N","default":"3"}])"));
  CHECK(json::parse(l.host->call(interface, "detail", {{"reference", "dir://hello"}}).text) == scenario);
  CHECK(json::parse(l.host->call(interface, "globals", {{"name", "hello"}}).text)["title"] == "G");
  CHECK(l.host->breaches().empty());
}

TEST_CASE("what is not there is NOT_FOUND, a registry in the request is refused") {
  Loaded l;
  auto message = [&](const char* verb, const json& request) {
    auto result = l.host->call(interface, verb, request);
    return result.error ? std::to_string(static_cast<int>(result.error->code())) + " " + result.error->what() : "fine";
  };
  CHECK(message("detail", {{"name", "none"}}) == "5 no scenario 'none' in " + l.files.path().string());
  CHECK(message("detail", {{"reference", "quay.io/a/b:c"}}) == "5 registry-dir knows references of the form dir://NAME only");
  CHECK(message("globals", {{"name", "bare"}}) == "5 scenario 'bare' has no globals");
  CHECK(message("list", {{"registry", {{"registryUrl", "quay.io"}}}}).substr(0, 2) == "9 ");
}

TEST_CASE("a skipped file is one line of the log, a missing folder refuses the configuration and the old one stays") {
  Loaded l;
  l.host->call(interface, "list");
  size_t skipped = 0;
  for (const auto& line : l.host->logs()) skipped += line.message == "scenario skipped";
  CHECK(skipped == 1);
  CHECK_THROWS(l.host->configure({{"path", "/none"}}));
  CHECK(l.host->call(interface, "list").chunks.size() == 2);
}

}  // namespace
