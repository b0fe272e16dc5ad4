#include "core/config/load.hpp"

#include <catch2/catch.hpp>

#include "helpers.hpp"

using namespace operon::config;
using namespace operon::config::test;

TEST_CASE("without a file, flag or variable the embedded defaults are in force") {
  const auto loaded = load_with({});
  CHECK(lines(loaded.problems).empty());
  CHECK(loaded.notices.empty());
  CHECK(loaded.settings.listen == std::vector<std::string>{"127.0.0.1:8080"});
  CHECK(loaded.settings.probe_listen == "127.0.0.1:8083");
  CHECK(loaded.settings.state_dir == "/home/op/.local/state/operon");
  CHECK(loaded.settings.defaults.registry == "registry-dir");
  CHECK(loaded.settings.defaults.runner == "runner-process");
  REQUIRE(loaded.settings.plugins.size() == 4);
  CHECK(loaded.settings.plugins[0].name == "target-file");
  CHECK(loaded.settings.plugins[1].config_json == R"({"path":"/opt/operon/share/operon/scenarios"})");
  CHECK(loaded.settings.plugins[2].plugin == "registry-oci");
  CHECK(loaded.settings.plugins[3].plugin == "runner-process");
}

TEST_CASE("flag over environment over file over default") {
  const std::string file = "log: {level: warn}\nlisten: [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n";
  CHECK(load_with({}, {}, file).settings.log.level == "warn");
  CHECK(load_with({}, {}, file).settings.listen.size() == 2);
  CHECK(load_with({}, {{"OPERON_LOG_LEVEL", "debug"}}, file).settings.log.level == "debug");
  CHECK(load_with({"--log-level=error"}, {{"OPERON_LOG_LEVEL", "debug"}}, file).settings.log.level == "error");
  CHECK(load_with({"--log-level=error", "--set", "log.level=trace"}, {}, file).settings.log.level == "trace");
  CHECK(load_with({}, {{"OPERON_LOG_LEVEL", ""}}, file).settings.log.level == "warn");
}

TEST_CASE("the file may be named by a variable") {
  Folder folder;
  const auto path = folder.write("x.yaml", "log: {level: trace}\n");
  CHECK(load_with({}, {{"OPERON_CONFIG", path}}).settings.log.level == "trace");
  CHECK(load_with({}, {{"OPERON_CONFIG", path}}).settings.config_file == path);
}

TEST_CASE("a map of plugins in the file replaces the embedded one; --set goes into what is in force") {
  const auto own =
      load_with({}, {}, "plugins:\n  quay: {plugin: registry-quay, required: true, config: {org: x, pages: 3, deep: {a: [1, \"2\"]}}}\n");
  CHECK(lines(own.problems).empty());
  REQUIRE(own.settings.plugins.size() == 1);
  CHECK(own.settings.plugins[0].plugin == "registry-quay");
  CHECK(own.settings.plugins[0].required);
  CHECK(own.settings.plugins[0].config_json == R"({"org":"x","pages":3,"deep":{"a":[1,"2"]}})");
  CHECK(own.settings.defaults.registry.empty());

  const auto moved = load_with({"--set", "plugins.registry-dir.config.path=/other"});
  REQUIRE(moved.settings.plugins.size() == 4);
  CHECK(moved.settings.plugins[1].config_json == R"({"path":"/other"})");

  const auto less = load_with({"--set", "plugins.target-file=null"});
  CHECK(lines(less.problems).empty());
  CHECK(less.settings.plugins.size() == 3);

  const auto bare = load_with({}, {}, "plugins:\n  runner-process:\n");
  REQUIRE(bare.settings.plugins.size() == 1);
  CHECK(bare.settings.plugins[0].plugin == "runner-process");
  CHECK(bare.settings.plugins[0].config_json == "{}");
}

TEST_CASE("an instance of an embedded name starts from its embedded configuration, unless it is another plugin") {
  const auto config = [](const std::string& file) {
    const auto loaded = load_with({}, {}, file);
    CHECK(lines(loaded.problems).empty());
    REQUIRE(loaded.settings.plugins.size() == 1);
    return loaded.settings.plugins[0].config_json;
  };
  CHECK(config("plugins: {registry-dir: {}}\n") == R"({"path":"/opt/operon/share/operon/scenarios"})");
  CHECK(config("plugins: {registry-dir: {config: {path: /x}}}\n") == R"({"path":"/x"})");
  CHECK(config("plugins: {registry-dir: {plugin: registry-quay}}\n") == "{}");
}

TEST_CASE("the sample config/standalone.yaml is what the embedded defaults are") {
  CommandLine line;
  line.config_file = std::string(std::getenv("OPERON_SOURCE_DIR")) + "/config/standalone.yaml";
  Surroundings around;
  around.executable = "/opt/operon/bin/operond";
  around.environment["HOME"] = "/home/op";
  const auto loaded = load(line, around);
  CHECK(lines(loaded.problems).empty());
  CHECK(to_yaml(loaded.settings) == to_yaml(load_with({}).settings));
}

TEST_CASE("a database's address is taken without a password, and said nowhere with one") {
  for (const char* address : {"postgresql://op@db.example.org:5432/operon?sslmode=verify-full", "postgresql://[::1]:5432/operon",
                              "postgresql:///operon?host=/run/postgresql&require_auth=password", "host=db user=op dbname=passwords"}) {
    INFO(address);
    CHECK(lines(load_with({"--jobs-database", address, "--jobs-database-password-file", "/p"}).problems).empty());
  }
  for (const char* address : {"postgresql://op:canary@db/operon", "postgresql://op:can@ry@db/operon",
                              "postgresql://op@db/operon?password=canary", "host=db password = canary", "host=db sslpassword=canary"}) {
    CHECK(lines(load_with({"--jobs-database", address}).problems) ==
          "flag --jobs-database: jobs.database: a password does not belong there, where others see it; put it into a file and name that in "
          "jobs.database_password_file\n");
  }
  CHECK_THAT(lines(load_with({"--jobs-database", "postgresql:///x", "--jobs-store", "kubernetes"}).problems),
             Catch::Contains("runs are recorded as Run objects and need no database"));
  CHECK_THAT(lines(load_with({"--jobs-database-password-file", "/p"}).problems), Catch::Contains("there is no jobs.database"));
}

TEST_CASE("--set reaches into the default list of addresses") {
  CHECK(load_with({"--set", "listen[1]=127.0.0.1:9"}).settings.listen == std::vector<std::string>{"127.0.0.1:8080", "127.0.0.1:9"});
}

TEST_CASE("where state is kept when nobody said so") {
  Surroundings around;
  CHECK(default_state_dir(around) == "");
  around.root = true;
  CHECK(default_state_dir(around) == "/var/lib/operon");
  around.environment["HOME"] = "/root";
  CHECK(default_state_dir(around) == "/var/lib/operon");
  around.root = false;
  CHECK(default_state_dir(around) == "/root/.local/state/operon");
  around.environment["XDG_STATE_HOME"] = "/x";
  CHECK(default_state_dir(around) == "/x/operon");
  around.environment["STATE_DIRECTORY"] = "/var/lib/op:/second";
  CHECK(default_state_dir(around) == "/var/lib/op");
}

TEST_CASE("a program in a build folder finds its plugins and scenarios, an installed one finds its own") {
  Folder folder;
  std::filesystem::create_directories(folder / "build/bin");
  std::filesystem::create_directories(folder / "build/plugins");
  std::filesystem::create_directories(folder / "config/scenarios");
  Surroundings around;
  around.executable = folder / "build/bin/operond";
  CHECK(default_plugin_dirs(around) == std::vector<std::string>{(folder / "build/plugins").string()});
  CHECK(default_scenario_dir(around) == folder / "config/scenarios");
  std::filesystem::create_directories(folder / "build/share/operon/scenarios");
  CHECK(default_scenario_dir(around) == folder / "build/share/operon/scenarios");
}

TEST_CASE("what is printed as YAML loads to the same settings") {
  const auto loaded = load_with({"--listen", ":1,:2", "--set", "plugins.a\\.b.plugin=p,plugins.a\\.b.config.x={1,two}",
                                 "--rest-auth=token-file", "--rest-token-file", "/t", "--log-level=warn"});
  CHECK(lines(loaded.problems).empty());
  const auto again = load_with({}, {}, to_yaml(loaded.settings));
  CHECK(lines(again.problems).empty());
  CHECK(to_yaml(again.settings) == to_yaml(loaded.settings));
}

// The names that users of krkn-operator pass, one test each.

TEST_CASE("alias --api-port") {
  CHECK(load_with({"--api-port", "9090"}).settings.listen == std::vector<std::string>{"127.0.0.1:9090"});
  CHECK(load_with({"--api-port=9090"}, {}, "listen: [\"[::1]:1\", \"127.0.0.1:2\"]\n").settings.listen ==
        std::vector<std::string>{"[::1]:9090", "127.0.0.1:2"});
  CHECK(lines(load_with({"--api-port", "x"}).problems) == "flag --api-port: \"x\" is not a port number\n");
}

TEST_CASE("alias API_PORT") {
  CHECK(load_with({}, {{"API_PORT", "9090"}}).settings.listen == std::vector<std::string>{"127.0.0.1:9090"});
  CHECK(load_with({"--listen", "127.0.0.1:7"}, {{"API_PORT", "9090"}}).settings.listen == std::vector<std::string>{"127.0.0.1:7"});
  CHECK(load_with({}, {{"API_PORT", "9090"}, {"OPERON_LISTEN", "127.0.0.1:7"}}).settings.listen == std::vector<std::string>{"127.0.0.1:7"});
}

TEST_CASE("alias --health-probe-bind-address") {
  CHECK(load_with({"--health-probe-bind-address", ":8081"}).settings.probe_listen == ":8081");
  CHECK(load_with({"--health-probe-bind-address=0"}).settings.probe_listen.empty());
}

TEST_CASE("alias HEALTH_PROBE_ADDR") {
  CHECK(load_with({}, {{"HEALTH_PROBE_ADDR", ":8081"}}).settings.probe_listen == ":8081");
}

TEST_CASE("alias --metrics-bind-address") {
  CHECK(load_with({"--metrics-bind-address=:8443"}).settings.metrics.listen == ":8443");
}

TEST_CASE("alias METRICS_ADDR") {
  CHECK(load_with({}, {{"METRICS_ADDR", ":8443"}}).settings.metrics.listen == ":8443");
}

TEST_CASE("alias --grpc-server-address") {
  const auto loaded = load_with({"--grpc-server-address", "localhost:50052"});
  CHECK(loaded.settings.data_provider_address == "localhost:50052");
  CHECK(load_with({"--grpc-server-address", "unix:/run/dp.sock"}).settings.data_provider_address == "unix:/run/dp.sock");
}

TEST_CASE("alias GRPC_SERVER_ADDRESS") {
  const auto loaded = load_with({}, {{"GRPC_SERVER_ADDRESS", "localhost:50052"}});
  CHECK(loaded.settings.data_provider_address == "localhost:50052");
}

TEST_CASE("alias --leader-elect") {
  const auto loaded = load_with({"--leader-elect"});
  CHECK(loaded.settings.leader_election);
  CHECK(lines(loaded.notices) == "flag --leader-election: leader_election has no effect on a host without a cluster\n");
}

TEST_CASE("the cluster of the host: a map in the file, two flags of their own, old variables") {
  CHECK(load_with({}).settings.kubernetes.kubeconfig.empty());
  const auto flags = load_with({"--kubeconfig", "/k", "--namespace", "n", "--kubernetes-context", "c"});
  CHECK(lines(flags.problems).empty());
  CHECK(lines(flags.notices).empty());
  CHECK(flags.settings.kubernetes.kubeconfig == "/k");
  CHECK(flags.settings.kubernetes.context == "c");
  CHECK(flags.settings.kubernetes.name_space == "n");
  const auto variables = load_with({}, {{"OPERON_KUBECONFIG", "/old"}, {"OPERON_NAMESPACE", "old"}});
  CHECK(variables.settings.kubernetes.kubeconfig == "/old");
  CHECK(variables.settings.kubernetes.name_space == "old");
}

TEST_CASE("alias POD_NAMESPACE") {
  CHECK(load_with({}, {{"POD_NAMESPACE", "a"}}).settings.kubernetes.name_space == "a");
}

TEST_CASE("alias KRKN_NAMESPACE, which defaults to POD_NAMESPACE") {
  CHECK(load_with({}, {{"KRKN_NAMESPACE", "b"}, {"POD_NAMESPACE", "a"}}).settings.kubernetes.name_space == "b");
  CHECK(load_with({}, {{"KRKN_NAMESPACE", ""}, {"POD_NAMESPACE", "a"}}).settings.kubernetes.name_space == "a");
}
