#include <catch2/catch.hpp>

#include "helpers.hpp"

using namespace operon::config;
using namespace operon::config::test;

TEST_CASE("everything wrong in a file is said at once, each with its line") {
  const auto loaded = load_with({}, {}, R"(listne: 127.0.0.1:1
rest:
  body_byte_max: 1MiB
  auth: tokens
  worker_threads_max: many
  headers_max: 5
  hosts: {a: b}
  body_ms_max: [1]
body_bytes_max: 3
log: loud
probe_listen: 8083
qwertyuiop: 1
plugins:
  -bad: {}
  one: {plugn: x, isolation: vm, required: perhaps, config: [1]}
  two: text
)");
  CHECK(lines(loaded.problems) == golden("file_problems.txt", lines(loaded.problems)));
}

TEST_CASE("a place in flags and variables is named as such") {
  CHECK(lines(load_with({"--log-level=loud"}).problems) ==
        "flag --log-level: log.level: \"loud\" is none of \"trace\", \"debug\", \"info\", \"warn\" or \"error\"\n");
  CHECK(lines(load_with({}, {{"OPERON_REST_BODY_MS_MAX", "long"}}).problems) ==
        "environment OPERON_REST_BODY_MS_MAX: rest.body_ms_max: \"long\" is not a time like 500 (milliseconds), 500ms, 30s or 5m\n");
  CHECK(lines(load_with({"--set", "lgo.level=info"}).problems) == "flag --set: unknown key \"lgo\"; did you mean \"log\"?\n");
}

TEST_CASE("a file that cannot be read or is not a map") {
  CHECK(lines(load_with({"-c", "/nowhere/operond.yaml"}).problems).find("/nowhere/operond.yaml") != std::string::npos);
  CHECK(lines(load_with({}, {}, "- a\n").problems) == "operond.yaml:1: the configuration must be a map of keys, not a list\n");
}

TEST_CASE("listening beyond loopback without authentication is refused unless asked for in so many words") {
  CHECK(lines(load_with({"--listen=:8080"}).problems) ==
        "flag --listen: listen: :8080 can be reached from other machines, and rest.auth is none, so that everybody who reaches it could "
        "start "
        "faults; set "
        "rest.auth to token-file or kubernetes, listen on 127.0.0.1, or set rest.allow_remote_without_auth to true\n");
  CHECK(load_with({"--listen=:8080", "--rest-allow-remote-without-auth"}).problems.empty());
  CHECK(load_with({"--listen=:8080", "--rest-auth=token-file", "--rest-token-file=/t"}).problems.empty());
  CHECK(load_with({"--listen=:8080", "--rest-auth=kubernetes", "--rest-token-audiences=operon,other"}).problems.empty());
  CHECK(load_with({"--listen=[::1]:8080,localhost:81"}).problems.empty());
}

TEST_CASE("what is right in itself and wrong together") {
  CHECK(lines(load_with({"--rest-auth=token-file"}).problems) ==
        "flag --rest-auth: rest.auth is token-file, and no file is named; set rest.token_file\n");
  CHECK(lines(load_with({"--rest-tls-cert=/c"}).problems) == "flag --rest-tls-cert: rest.tls: cert and key go together; key is missing\n");
  CHECK(lines(load_with({"--metrics-tls-client-ca=/c"}).problems) ==
        "flag --metrics-tls-client-ca: metrics.tls.client_ca: only a listener with cert and key can ask for certificates\n");
  CHECK(lines(load_with({"--probe-listen=127.0.0.1:8080"}).problems) ==
        "flag --probe-listen: probe_listen: 127.0.0.1:8080 is asked for twice\n");
  for (const char* place : {"krkn-chaos", "https://quay.io", "quay.io//x", "Quay.io", "quay.io/x@1", "quay.io/a/b:latest", "quay.io/a:1"}) {
    CHECK(lines(load_with({std::string("--scenarios-allowed-registries=") + place}).problems) ==
          "flag --scenarios-allowed-registries: scenarios.allowed_registries: \"" + std::string(place) +
              "\" names no registry; write its host, and a path where not all of it is meant, in lower case and without a scheme or tag: "
              "quay.io, quay.io/krkn-chaos, localhost:5000\n");
  }
  CHECK(lines(load_with({"--scenarios-allowed-registries=index.docker.io/x"}).problems) ==
        "flag --scenarios-allowed-registries: scenarios.allowed_registries: \"index.docker.io/x\" would match nothing: that registry's "
        "name is "
        "docker.io; write docker.io/x\n");
  CHECK(load_with({"--scenarios-allowed-registries=quay.io/krkn-chaos,localhost:5000,localhost,docker.io/krkn,[::1]:5000/x/"})
            .problems.empty());
  CHECK(lines(load_with({"--defaults-runner=runner-proces"}).problems) ==
        "flag --defaults-runner: defaults.runner: there is no plugin instance \"runner-proces\"; configured: runner-process\n");
  CHECK(
      lines(load_with({}, {}, "rest:\n  tls:\n    key: /k\ndefaults:\n  registry: nope\nplugins: {}\nlisten:\n- 127.0.0.1:1\n- :2\n")
                .problems) ==
      "operond.yaml:9: listen: :2 can be reached from other machines, and rest.auth is none, so that everybody who reaches it could start "
      "faults; set rest.auth to token-file or kubernetes, listen on 127.0.0.1, or set rest.allow_remote_without_auth to true\n"
      "operond.yaml:3: rest.tls: cert and key go together; cert is missing\n"
      "operond.yaml:5: defaults.registry: there is no plugin instance \"nope\"; plugins is empty\n");
  CHECK(lines(load_with({}, {}, "plugins:\n  x:\n    isolation: process\n").problems) ==
        "operond.yaml:2: plugins.x.isolation: process is not available in this version; the only placement is inprocess\n");
}
