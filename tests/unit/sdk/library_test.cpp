/// The echo plugin as a library: one exported symbol, a manifest with its digest, the verbs of an interface that no host knows.
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "operon/testing/host.hpp"

using operon::testing::Host;
using operon::testing::Options;

namespace {

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe);
  char buffer[4096];
  while (const size_t got = ::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, got);
  ::pclose(pipe);
  return out;
}

/// What operon-manifest says of a manifest.yaml.
std::string complaint(const std::string& yaml) {
  const auto dir = std::filesystem::temp_directory_path() / ("operon-manifest-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  std::ofstream(dir / "manifest.yaml") << yaml;
  auto said =
      output_of("cd " + dir.string() + " && " MANIFEST_TOOL " --manifest manifest.yaml --library " ECHO_LIBRARY " --output out.json");
  CHECK_FALSE(std::filesystem::exists(dir / "out.json"));
  std::filesystem::remove_all(dir);
  return said;
}

}  // namespace

TEST_CASE("the library exports operon_entry_v1 and nothing else") {
  const auto symbols = output_of("nm -D --defined-only " ECHO_LIBRARY);
  CHECK(std::count(symbols.begin(), symbols.end(), '\n') == 1);
  CHECK(symbols.find(" T operon_entry_v1\n") != std::string::npos);
}

TEST_CASE("the manifest beside it names its digest") {
  std::ifstream in(ECHO_LIBRARY ".manifest.json");
  const auto manifest = nlohmann::json::parse(in);
  CHECK(manifest["id"] == "echo");
  CHECK(manifest["abi"] == nlohmann::json{{"major", 1}, {"minMinor", 0}});
  CHECK(manifest["configurationSchema"]["additionalProperties"] == false);
  CHECK(manifest["attributes"] == nlohmann::json{{"repeats_max", 1000000}});
  CHECK(output_of("sha256sum " ECHO_LIBRARY).substr(0, 64) == manifest["librarySha256"]);
}

TEST_CASE("echo answers, sleeps and streams") {
  auto host = Host::load(ECHO_LIBRARY);
  CHECK(host->id() == "echo");
  host->configure({{"prefix", "> "}});
  CHECK(host->call("test.echo/1", "echo", {{"a", {1, 2}}}).json() == nlohmann::json{{"a", {1, 2}}});
  CHECK(host->flags("test.echo/1", "echo") == OPERON_VERB_NO_BLOCK);
  CHECK(host->call("test.echo/1", "echo_slow", {{"text", "hi"}}).json()["text"] == "> hi");
  auto slow = host->start("test.echo/1", "echo_slow", {{"text", "hi"}, {"sleepMs", 3'600'000}});
  slow.cancel();
  CHECK(slow.wait().code == operon::Code::cancelled);
  CHECK(host->call("test.echo/1", "stream", {{"count", 3}}).items().size() == 3);
  CHECK(host->call("test.echo/1", "stream", {{"count", 3}, {"bytes", 70'000}}).bytes().size() == 210'000);
  const auto refused = host->call("test.echo/1", "echo_slow", nlohmann::json::object());
  CHECK(refused.error->what() == std::string("`text`: is required"));
  CHECK(refused.error->field() == "text");
  CHECK(host->breaches().empty());
}

TEST_CASE("a broken manifest.yaml is refused with file and reason, and nothing is written") {
  const std::pair<const char*, const char*> table[] = {
      {"id: echo\nversion: 1.0.0\n", "operon-manifest: manifest.yaml: `interfaces` is missing\n"},
      {"id: Echo\nversion: 1.0.0\ninterfaces: [a/1]\n",
       "operon-manifest: manifest.yaml: `id` must be lower-case letters, digits and dashes, at most 63\n"},
      {"id: e\nversion: 1.0\ninterfaces: [a/1]\n", "operon-manifest: manifest.yaml: `version` must be a semantic version such as 1.0.0\n"},
      {"id: e\nversion: 1.0.0\ninterfaces: [a]\n",
       "operon-manifest: manifest.yaml: `interfaces`: \"a\" is no id such as \"operon.job-runner/1\"\n"},
      {"id: e\nversion: 1.0.0\ninterfaces: [a/1, a/1]\n", "operon-manifest: manifest.yaml: `interfaces`: \"a/1\" is given twice\n"},
      {"id: e\nversion: 1.0.0\ninterfaces: []\n", "operon-manifest: manifest.yaml: `interfaces` is empty\n"},
      {"id: e\nid: f\n", "operon-manifest: manifest.yaml:2: `id` is given twice\n"},
      {"id: e\nkinds: []\n", "operon-manifest: manifest.yaml: unknown member `kinds`\n"},
      {"id: 5\nversion: 1.0.0\ninterfaces: [a/1]\n", "operon-manifest: manifest.yaml: `id` must be of type string, not number\n"},
      {"id: [\n", "operon-manifest: manifest.yaml:2: end of sequence flow not found\n"},
      {"- id\n", "operon-manifest: manifest.yaml: must be a map of members such as `id`\n"}};
  for (const auto& [yaml, expected] : table) CHECK(complaint(yaml) == expected);
}
